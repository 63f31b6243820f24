# Builds a CMake project as a Faabric guest:
#
#     cmake -B build --toolchain "$(faabric cc --print-cmake-toolchain)"
#
# find_package(MPI) succeeds: the compiler links MPI by itself, so MPI::MPI_C and MPI::MPI_CXX are
# empty targets.

set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_PROCESSOR wasm32)

if(DEFINED ENV{FAABRIC})
  set(_faabric "$ENV{FAABRIC}")
else()
  find_program(_faabric faabric REQUIRED)
endif()

# A list: the second element is passed to every call of the compiler.
set(CMAKE_C_COMPILER "${_faabric}" cc)
set(CMAKE_CXX_COMPILER "${_faabric}" c++)
set(CMAKE_C_COMPILER_TARGET wasm32-wasip1)
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasip1)
set(CMAKE_AR "${CMAKE_CURRENT_LIST_DIR}/../../bin/ar" CACHE FILEPATH "" FORCE)
set(CMAKE_RANLIB "${CMAKE_CURRENT_LIST_DIR}/../../bin/ranlib" CACHE FILEPATH "" FORCE)

list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS FALSE)

# Tests run as guests, one rank each.
set(CMAKE_CROSSCOMPILING_EMULATOR "${_faabric};run;-n;1")

execute_process(COMMAND "${_faabric}" cc --print-sysroot
  OUTPUT_VARIABLE CMAKE_SYSROOT OUTPUT_STRIP_TRAILING_WHITESPACE)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Threads need the flag, and not a library: it selects the sysroot.
set(THREADS_PREFER_PTHREAD_FLAG TRUE)

# FindMPI would run mpicc and mpiexec; here are its answers.
foreach(_lang C CXX)
  set(MPI_${_lang}_COMPILER "${_faabric}" CACHE STRING "" FORCE)
  set(MPI_${_lang}_WORKS TRUE CACHE INTERNAL "")
  set(MPI_${_lang}_VERSION 5.0)
  set(MPI_${_lang}_VERSION_MAJOR 5)
  set(MPI_${_lang}_VERSION_MINOR 0)
  set(MPI_${_lang}_HEADER_DIR "${CMAKE_SYSROOT}/include/wasm32-wasip1" CACHE PATH "" FORCE)
  set(MPI_${_lang}_LIB_NAMES "" CACHE STRING "" FORCE)
  set(MPI_${_lang}_COMPILE_OPTIONS "" CACHE STRING "" FORCE)
  set(MPI_${_lang}_LINK_FLAGS "" CACHE STRING "" FORCE)
endforeach()
set(MPI_CXX_SKIP_MPICXX TRUE CACHE BOOL "" FORCE)
set(MPIEXEC_EXECUTABLE "${_faabric}" CACHE STRING "" FORCE)
set(MPIEXEC_NUMPROC_FLAG "run;-n" CACHE STRING "" FORCE)
