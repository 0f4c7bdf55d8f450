/* Whether a call aborts, as a programmer's error must. Header only. */
#ifndef SJ_TESTS_ABORTS_H
#define SJ_TESTS_ABORTS_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs it in a process of its own, whose message goes nowhere. */
static inline bool aborts(void (*call)(void)) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL); /* cmocka's handler is the parent's business */
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
    call();
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
         WTERMSIG(status) == SIGABRT;
}

#endif
