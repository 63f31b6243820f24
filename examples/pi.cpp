// Pi by integrating 4 / (1 + x^2): every rank sums its share of the intervals.
//
//   faabric c++ -O3 -o pi.wasm examples/pi.cpp
//   faabric run -n 4 pi.wasm [intervals]
#include <cmath>
#include <iomanip>
#include <iostream>
#include <mpi.h>
#include <stdexcept>
#include <string>
#include <vector>

static long intervals_from(int argc, char **argv) {
    if (argc < 2) return 100'000'000;
    std::size_t used = 0;
    long intervals = std::stol(argv[1], &used);
    if (argv[1][used] != '\0' || intervals < 1)
        throw std::invalid_argument("the number of intervals must be a positive integer");
    return intervals;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, ranks;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);

    long intervals = 0;
    try {
        intervals = intervals_from(argc, argv);
    } catch (const std::exception &error) {
        if (rank == 0) std::cerr << "pi: " << error.what() << '\n';
        MPI_Abort(MPI_COMM_WORLD, 2);
    }

    double width = 1.0 / static_cast<double>(intervals), sum = 0;
    for (long i = rank; i < intervals; i += ranks) {
        double x = width * (static_cast<double>(i) + 0.5);
        sum += 4.0 / (1.0 + x * x);
    }
    double pi = 0;
    sum *= width;
    MPI_Reduce(&sum, &pi, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);

    char name[MPI_MAX_PROCESSOR_NAME];
    int length = 0;
    MPI_Get_processor_name(name, &length);
    std::vector<char> names(rank == 0 ? static_cast<std::size_t>(ranks) * sizeof name : 0);
    MPI_Gather(name, sizeof name, MPI_CHAR, names.data(), sizeof name, MPI_CHAR, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        for (int other = 0; other < ranks; other++)
            std::cout << "rank " << other << " ran on " << &names[static_cast<std::size_t>(other) * sizeof name] << '\n';
        std::cout << "pi is about " << std::setprecision(15) << pi << ", off by " << std::scientific
                  << std::setprecision(2) << std::fabs(pi - std::acos(-1.0)) << '\n';
    }
    MPI_Finalize();
    return 0;
}
