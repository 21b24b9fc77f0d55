/* A disk that fails, fills up and forgets. The tests preload it into the server.
 *
 * It stands between SQLite and the C library, for the database and its write-ahead log:
 *
 * - It fails reads, writes, syncs and truncations, as the shared control block says. A failed
 *   write may have written its first half.
 * - It records every write and truncation until a sync of that file succeeds. The test can then
 *   undo any of them, as a power cut does. A sync takes up to two milliseconds, so that kills meet
 *   it, and is not made: no test cuts the real power.
 *
 * DEVICE_FAULTS_DISK names the control block. The records are in files beside it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum fault { NONE, FAILING_WRITES, FAILING_READS, FULL };

/* Shared with disk.rs, which has the same fields. */
struct control {
    uint64_t fault;  /* an enum fault */
    uint64_t every;  /* one call in so many fails */
    uint64_t random; /* the state of the generator */
    uint64_t faults; /* how many calls failed */
};

/* The head of a record. The bytes before and after the change follow it. */
struct record {
    uint64_t is_truncation;
    uint64_t offset;   /* of a truncation: the new length of the file */
    uint64_t old_size; /* the length of the file */
    uint64_t old_length;
    uint64_t new_length;
};

static struct control *control;
static int records[2];
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_pread)(int, void *, size_t, off64_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);

static void give_up(const char *what) {
    perror(what);
    abort();
}

static void *function(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) give_up(name);
    return found;
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("DEVICE_FAULTS_DISK");
    if (!path) give_up("DEVICE_FAULTS_DISK");
    real_pread = function("pread64");
    real_pwrite = function("pwrite64");
    real_ftruncate = function("ftruncate64");
    real_fsync = function("fsync");
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) give_up(path);
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (control == MAP_FAILED) give_up(path);
    close(file);
    for (int i = 0; i < 2; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s.%d", path, i);
        /* Appended: what a killed process did not sync is not synced in the next one either. */
        records[i] = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (records[i] < 0) give_up(name);
    }
}

static int ends_with(const char *text, size_t length, const char *end) {
    size_t wanted = strlen(end);
    return length >= wanted && memcmp(text + length - wanted, end, wanted) == 0;
}

/* 0 for the database, 1 for its log, -1 for any other file. */
static int which(int fd) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    if (length < 0) return -1;
    if (ends_with(path, (size_t)length, ".sqlite3")) return 0;
    if (ends_with(path, (size_t)length, ".sqlite3-wal")) return 1;
    return -1;
}

static uint64_t random_number(void) {
    control->random ^= control->random << 13;
    control->random ^= control->random >> 7;
    control->random ^= control->random << 17;
    return control->random;
}

static int is_due(enum fault fault) {
    if (control->fault != fault || random_number() % control->every) return 0;
    control->faults++;
    return 1;
}

static off64_t size_of(int fd) {
    struct stat64 status;
    if (fstat64(fd, &status)) give_up("fstat");
    return status.st_size;
}

static void append(int file, const void *bytes, size_t length) {
    if (write(file, bytes, length) != (ssize_t)length) give_up("a record");
}

/* Records a change before it is made. If a kill leaves half a record, its change was not made. */
static void keep(int file, int fd, int is_truncation, off64_t at, const void *bytes, size_t length) {
    off64_t size = size_of(fd);
    size_t old = 0;
    if (at < size) old = (size_t)(size - at);
    if (!is_truncation && old > length) old = length;
    struct record head = {(uint64_t)is_truncation, (uint64_t)at, (uint64_t)size, old, length};
    char *whole = malloc(sizeof head + old + length);
    if (!whole) give_up("a record");
    memcpy(whole, &head, sizeof head);
    if (old && real_pread(fd, whole + sizeof head, old, at) != (ssize_t)old) give_up("a read");
    if (length) memcpy(whole + sizeof head + old, bytes, length);
    append(records[file], whole, sizeof head + old + length);
    free(whole);
}

static int refuse(int error) {
    errno = error;
    return -1;
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
    if (control->fault == FAILING_READS && which(fd) >= 0) {
        pthread_mutex_lock(&turn);
        int due = is_due(FAILING_READS);
        pthread_mutex_unlock(&turn);
        if (due) return refuse(EIO);
    }
    return real_pread(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    int file = which(fd);
    if (file < 0) return real_pwrite(fd, bytes, length, at);
    pthread_mutex_lock(&turn);
    int error = 0;
    off64_t room = size_of(fd) - at;
    if (is_due(FAILING_WRITES)) {
        /* Nothing, or a half with or without an error: the disk decides. */
        uint64_t kind = random_number() % 3;
        error = kind == 2 ? 0 : EIO;
        length = kind == 0 ? 0 : length / 2;
    } else if (control->fault == FULL && room < (off64_t)length) {
        control->faults++;
        error = ENOSPC;
        length = room > 0 ? (size_t)room : 0;
    }
    ssize_t written = 0;
    if (length) {
        keep(file, fd, 0, at, bytes, length);
        written = real_pwrite(fd, bytes, length, at);
    }
    pthread_mutex_unlock(&turn);
    /* As the kernel does: of a write that runs out of room, the part that had room counts. */
    return error == EIO || (error && !length) ? refuse(error) : written;
}

int ftruncate64(int fd, off64_t size) {
    int file = which(fd);
    if (file < 0) return real_ftruncate(fd, size);
    pthread_mutex_lock(&turn);
    int result = -1, failing = is_due(FAILING_WRITES);
    if (!failing) {
        keep(file, fd, 1, size, NULL, 0);
        result = real_ftruncate(fd, size);
    }
    pthread_mutex_unlock(&turn);
    return failing ? refuse(EIO) : result;
}

int fsync(int fd) {
    int file = which(fd);
    if (file < 0) return real_fsync(fd);
    pthread_mutex_lock(&turn);
    struct timespec moment = {0, (long)(random_number() % 2000000)};
    nanosleep(&moment, NULL);
    int failing = is_due(FAILING_WRITES);
    if (!failing && real_ftruncate(records[file], 0)) give_up("a record");
    pthread_mutex_unlock(&turn);
    return failing ? refuse(EIO) : 0;
}

/* The other names of the same functions. */
ssize_t pread(int fd, void *bytes, size_t length, off_t at) { return pread64(fd, bytes, length, at); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int fdatasync(int fd) { return fsync(fd); }
