# Read by the scripts beside it, each called with a PROGRAM and a SCRATCH folder.
program=$1 scratch=$2
mkdir -p "$scratch"
failed=0

# expect STATUS PATTERN argument ...: the program ends so, and one of its lines says so. What it said stays in $scratch/said.
expect() {
    status=$1 pattern=$2
    shift 2
    "$program" "$@" >"$scratch/said" 2>&1
    was=$?
    if [ $was -ne "$status" ] || ! grep -Eq -e "$pattern" "$scratch/said"; then
        failed=1
        echo "FAILED: $(basename "$program") $* should end with status $status and say /$pattern/. It ended with $was and said:"
        cat "$scratch/said"
    fi
}
