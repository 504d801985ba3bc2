# find_package(Sluice): Sluice::sluice is libsluice, and Sluice::static its static library.
include(${CMAKE_CURRENT_LIST_DIR}/SluiceTargets.cmake)
