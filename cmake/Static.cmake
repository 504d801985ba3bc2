# Abseil and libfuse have other names in each release of Debian. With them linked in, one build, and one
# package, serves Debian 12 and 13; what is left to be found there (libc, libstdc++, libcap-ng) has the
# same names in both. A fix in either library then needs a new build.
if(NOT SLUICE_STATIC_LIBRARIES)
  return()
endif()

# libabsl_x.a lies beside libabsl_x.so.
get_property(imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target ${imported})
  get_target_property(type ${target} TYPE)
  if(NOT target MATCHES "^absl::" OR NOT type STREQUAL "SHARED_LIBRARY")
    continue()
  endif()
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  foreach(configuration ${configurations})
    get_target_property(shared ${target} IMPORTED_LOCATION_${configuration})
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${shared}")
    if(NOT EXISTS "${archive}")
      message(FATAL_ERROR "no ${archive}: build with -DSLUICE_STATIC_LIBRARIES=OFF")
    endif()
    # Without a name of its own it is linked by its path.
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_${configuration} "${archive}"
      IMPORTED_SONAME_${configuration} "" IMPORTED_NO_SONAME_${configuration} OFF)
  endforeach()
endforeach()

find_library(SLUICE_FUSE3_ARCHIVE libfuse3.a REQUIRED)
set_property(TARGET PkgConfig::FUSE3 PROPERTY INTERFACE_LINK_LIBRARIES "${SLUICE_FUSE3_ARCHIVE};${CMAKE_DL_LIBS}")
