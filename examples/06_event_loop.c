/*
 * Tasks in a program that has an event loop of its own. The loop polls three things: the pool, a
 * timer, and standard input. Each line that is typed becomes a task; results are printed as they
 * come. Nothing here ever blocks but poll().
 */
#include <miraicore.h>

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int unresolved;

/* In a daemon: upper case, slowly. */
static mirai_value *shout(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    char text[256] = "";
    const char *words = mirai_value_string(args);
    for (size_t i = 0; words != NULL && words[i] != '\0' && i < sizeof text - 1; i++)
        text[i] = (char)toupper((unsigned char)words[i]);
    (void)nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    return mirai_string(text);
}

static mirai_status setup(void)
{
    return mirai_function_register("shout", shout, NULL);
}

/* Called in mirai_pool_process(), never at any other time and on no other thread. */
static void on_resolved(mirai_task *task, void *user)
{
    const mirai_value *result;
    if (mirai_task_result(task, &result) == MIRAI_OK) {
        printf("task %s: ", (const char *)user);
        (void)mirai_value_print(result, stdout);
    }
    free(user);
    unresolved--;
}

static mirai_status submit_line(mirai_pool *pool, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = on_resolved;
    options.user = strdup(line);
    /* No handle is asked for: the callback is given the task. */
    MIRAI_TRY(mirai_pool_submit(pool, NULL, "shout", mirai_string(line), &options));
    unresolved++;
    return MIRAI_OK;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    mirai_pool *pool;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "loop", 2, NULL));

    struct itimerspec every_100_ms = {{.tv_nsec = 100000000}, {.tv_nsec = 100000000}};
    struct pollfd fds[3] = {
        {.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}, {.events = POLLIN}};
    MIRAI_EXIT_IF(mirai_pool_fd(pool, &fds[1].fd));
    fds[2].fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    (void)timerfd_settime(fds[2].fd, 0, &every_100_ms, NULL);

    char line[256];
    uint64_t ticks = 0, n;
    /* No buffer, so that no line is hidden where poll() cannot see it. */
    (void)setvbuf(stdin, NULL, _IONBF, 0);
    while (fds[0].fd >= 0 || unresolved > 0) {
        if (poll(fds, 3, -1) < 0) break;
        if (fds[0].revents != 0) {
            if (fgets(line, sizeof line, stdin) != NULL)
                MIRAI_EXIT_IF(submit_line(pool, line));
            else
                fds[0].fd = -1; /* end of input: poll() leaves negative descriptors alone */
        }
        if (fds[1].revents != 0) MIRAI_EXIT_IF(mirai_pool_process(pool, NULL));
        if (fds[2].revents != 0 && read(fds[2].fd, &n, sizeof n) == sizeof n) ticks += n;
    }
    printf("The timer went on meanwhile: %s\n", ticks > 0 ? "yes" : "no");
    (void)close(fds[2].fd);
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
