# How a folder becomes a target, and a file a test: one way for all of them.

include(CMakeParseArguments)

# Every program that a user may call, without the tests: what `./dev demo` builds.
add_custom_target(programs)

# smew_layer(NAME SOURCES a.c b.c LINKS base diagnostics LIBRARIES PkgConfig::UV)
# One static library a folder, smew::NAME.  LINKS are layers, and point down only
# (tests/style/layers checks this file's callers too); LIBRARIES are other people's.  A layer comes
# after those that it links, so that SMEW_LAYERS is in link order from the bottom up.
function(smew_layer name)
    cmake_parse_arguments(L "" "" "SOURCES;LINKS;LIBRARIES" ${ARGN})
    add_library(smew_${name} STATIC ${L_SOURCES})
    add_library(smew::${name} ALIAS smew_${name})
    set_target_properties(smew_${name} PROPERTIES EXPORT_NAME ${name}
        POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
    target_compile_features(smew_${name} PUBLIC c_std_11)
    target_compile_definitions(smew_${name} PRIVATE _GNU_SOURCE)
    target_include_directories(smew_${name} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
        PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
    list(TRANSFORM L_LINKS PREPEND smew_)
    foreach(below IN LISTS L_LINKS)
        if(NOT TARGET ${below})
            message(FATAL_ERROR "layer ${name}: ${below} is not there yet; links point down only")
        endif()
    endforeach()
    target_link_libraries(smew_${name} PUBLIC ${L_LINKS} PRIVATE ${L_LIBRARIES})
    set_property(GLOBAL APPEND PROPERTY SMEW_LAYERS smew_${name})
endfunction()

# smew_program(NAME SOURCES main.c LINKS bus chart LIBRARIES ...)  -> build/PRESET/bin/NAME
function(smew_program name)
    cmake_parse_arguments(P "PUBLIC_API_ONLY" "" "SOURCES;LINKS;LIBRARIES" ${ARGN})
    add_executable(${name} ${P_SOURCES})
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
    if(NOT P_PUBLIC_API_ONLY)
        target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
    endif()
    list(TRANSFORM P_LINKS PREPEND smew_)
    target_link_libraries(${name} PRIVATE ${P_LINKS} ${P_LIBRARIES})
    add_dependencies(programs ${name})
endfunction()

# smew_test(base/table SOURCES table.c LINKS base LABELS slow TIMEOUT 60)
# The test is called base/table, its program tests_base_table; cmocka is linked.
function(smew_test name)
    cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LINKS;LIBRARIES;LABELS;ARGUMENTS" ${ARGN})
    string(REPLACE "/" "_" program "tests_${name}")
    add_executable(${program} ${T_SOURCES})
    set_target_properties(${program} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    target_compile_definitions(${program} PRIVATE _GNU_SOURCE)
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
    list(TRANSFORM T_LINKS PREPEND smew_)
    target_link_libraries(${program} PRIVATE ${T_LINKS} ${T_LIBRARIES} PkgConfig::CMOCKA)
    add_test(NAME ${name} COMMAND ${program} ${T_ARGUMENTS})
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "${T_LABELS}"
        SKIP_RETURN_CODE 77)
endfunction()

# smew_fuzzer(serialization/frame SOURCES fuzz_frame.c LINKS serialization CORPUS corpus/frame)
# A libFuzzer program, only in the fuzz preset (clang); tests/fuzz says how they are run.  SLOW: each
# execution takes a millisecond or so, and there are a hundredth as many.
function(smew_fuzzer name)
    if(NOT SMEW_FUZZ)
        return()
    endif()
    cmake_parse_arguments(F "SLOW" "CORPUS" "SOURCES;LINKS;LIBRARIES" ${ARGN})
    string(REPLACE "/" "_" program "fuzz_${name}")
    add_executable(${program} ${F_SOURCES})
    set_target_properties(${program} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    target_compile_definitions(${program} PRIVATE _GNU_SOURCE)
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
    list(TRANSFORM F_LINKS PREPEND smew_)
    target_link_libraries(${program} PRIVATE ${F_LINKS} ${F_LIBRARIES})
    target_link_options(${program} PRIVATE -fsanitize=fuzzer)
    set(pace fast)
    if(F_SLOW)
        set(pace slow)
    endif()
    set_property(GLOBAL APPEND PROPERTY SMEW_FUZZERS
        "${program}=${CMAKE_CURRENT_SOURCE_DIR}/${F_CORPUS}=${pace}")
endfunction()
