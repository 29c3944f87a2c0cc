# SMEW_SHM_POSIX: the transport shm-posix, for those who want names in /dev/shm and trust their peers.

include(CheckSymbolExists)
set(CMAKE_REQUIRED_DEFINITIONS -D_GNU_SOURCE)
check_symbol_exists(shm_open sys/mman.h SMEW_HAS_SHM_OPEN)
check_symbol_exists(sem_clockwait semaphore.h SMEW_HAS_SEM_CLOCKWAIT)
unset(CMAKE_REQUIRED_DEFINITIONS)

set(default OFF)
if(SMEW_HAS_SHM_OPEN)
    set(default ON)
endif()
option(SMEW_SHM_POSIX "the transport shm-posix: shm_open and named semaphores" ${default})
