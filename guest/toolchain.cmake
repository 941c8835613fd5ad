# Copyright (C) the Hyperlight for nginx authors
#
# toolchain.cmake: CMake builds guests with this, wherever it is installed:
#
#     cmake -DCMAKE_TOOLCHAIN_FILE=PREFIX/lib/hyperlight/toolchain.cmake ...
#
# Flags are hlcc's and hl++'s own, so that nothing stands here twice.

get_filename_component(HYPERLIGHT_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../.."
                       ABSOLUTE)

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

set(CMAKE_C_COMPILER "${HYPERLIGHT_PREFIX}/bin/hlcc")
set(CMAKE_CXX_COMPILER "${HYPERLIGHT_PREFIX}/bin/hl++")

set(CMAKE_EXECUTABLE_SUFFIX_C .elf)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .elf)

# Programs are the system's; all that a guest is made of is the SDK's.
set(CMAKE_FIND_ROOT_PATH "${CMAKE_CURRENT_LIST_DIR}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
