# The platform of guests, for versions of CMake that do not know WASI.
set(WASI TRUE)
set(UNIX TRUE)
set(CMAKE_DL_LIBS "")
set(CMAKE_EXECUTABLE_SUFFIX ".wasm")
