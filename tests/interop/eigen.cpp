#include <heed/eval/cpu/backend.hpp>
#include <heed/interop/eigen.hpp>
#include <heed/language.hpp>

#include <catch2/catch.hpp>

using namespace heed;

namespace {

struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<3> {};

}  // namespace

TEST_CASE("a tensor of two axes is an Eigen matrix, or its transpose, without a copy") {
    tensor<float, token, model> x{{1, 2, 3}, {4, 5, 6}};
    auto rows = eigen_map<token, model>(x);
    auto columns = eigen_map<model, token>(x);
    REQUIRE((rows.rows() == 2 && rows.cols() == 3));
    CHECK(rows(1, 0) == 4);
    CHECK(columns == rows.transpose());
    rows(1, 0) = 40;
    CHECK(x(1, 0) == 40);
    const Eigen::Matrix3f gram = columns * rows;
    const tensor<float, model, prime<model>> same = dot<token>(x, rename<model, prime<model>>(x));
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 3; ++j) CHECK(gram(i, j) == same(i, j));
}

TEST_CASE("the map of a const tensor is const, that of a view steps as the view does") {
    tensor<double, batch, token, model> x(batch{2}, token{4});
    x = 100 * position<batch>() + 10 * position<token>() + position<model>();
    const auto& fixed = x;
    const auto one = eigen_map<batch, token>(fixed(model{2}));
    static_assert(std::is_same_v<decltype(eigen_map<batch, token>(fixed(model{2})).data()), const double*>);
    CHECK(one(1, 3) == 132);
    auto vector = eigen_map<token>(x(batch{1}, model{1}));
    CHECK(vector.sum() == 101 + 111 + 121 + 131);
    vector.setZero();
    CHECK(x(1, 2, 1) == 0);
    CHECK(x(1, 2, 2) == 122);
}

TEST_CASE("Eigen's matrices, maps and blocks are views, whatever their order") {
    Eigen::MatrixXf by_columns(2, 3);
    by_columns << 1, 2, 3, 4, 5, 6;
    const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_rows = by_columns;
    auto x = view_of<token, model>(by_columns);
    const tensor<float, token> sums = sum<model>(x);
    CHECK((sums(0) == 6 && sums(1) == 15));
    const tensor<float, token, model> twice = x + view_of<token, model>(by_rows);
    CHECK((twice(0, 2) == 6 && twice(1, 0) == 8));
    x = 2 * x;
    CHECK(by_columns(1, 2) == 12);
    const tensor<float, token, batch> part = view_of<token, batch>(by_columns.block(0, 1, 2, 2)) * 1.0f;
    CHECK((part(0, 0) == 4 && part(1, 1) == 12));
    Eigen::Vector3d weight(1, 2, 3);
    CHECK(double(dot<model>(view_of<model>(weight), view_of<model>(weight))) == 14);
}

TEST_CASE("a matrix whose size is not the axis's is an error that says both") {
    Eigen::MatrixXf x = Eigen::MatrixXf::Zero(3, 4);
    CHECK_THROWS_WITH((view_of<token, model>(x)), "axis model has size 3 by its type, not 4");
}
