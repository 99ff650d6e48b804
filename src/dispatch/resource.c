/*
 * resource: amounts that a pool has, and how a job is told which devices are its own. No state; any thread.
 */
#include "resource.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "engine.h"
#include "message.h"
#include "utf8.h"

/* So that the sum of all amounts, in parts, stays within 63 bits. */
#define AMOUNT_MAX 1125899906842624.0

static bool is_gpus(const mirai_resource *resource)
{
    return strcmp(resource->name, "gpus") == 0;
}

static mirai_status check_one(const mirai_resource *resource, bool have)
{
    double amount = resource->amount;
    if (!mirai__name_valid(resource->name))
        return mirai__fail(MIRAI_E_INVALID, "a resource's name has 1 to 255 bytes of UTF-8");
    if (!(amount > 0) || amount > AMOUNT_MAX)
        return mirai__fail(MIRAI_E_INVALID, "%g of \"%s\"; more than 0 and at most 2^50 is possible", amount,
                           resource->name);
    if (is_gpus(resource) && amount != floor(amount))
        return mirai__fail(MIRAI_E_INVALID, "%g gpus; they are not divided", amount);
    if (is_gpus(resource) && have && amount > 64)
        return mirai__fail(MIRAI_E_INVALID, "%g gpus; a pool has at most 64", amount);
    return MIRAI_OK;
}

mirai_status mirai__resources_check(const mirai_resource *resources, size_t count, bool have)
{
    if (count > MIRAI__RESOURCES_MAX)
        return mirai__fail(MIRAI_E_INVALID, "%zu resources; at most %d are possible", count, MIRAI__RESOURCES_MAX);
    if (count > 0 && resources == NULL) return mirai__fail(MIRAI_E_INVALID, "the resources are NULL");
    for (size_t i = 0; i < count; i++) {
        MIRAI_TRY(check_one(&resources[i], have));
        for (size_t j = 0; j < i; j++)
            if (strcmp(resources[i].name, resources[j].name) == 0)
                return mirai__fail(MIRAI_E_INVALID, "the resource \"%s\" is named twice", resources[i].name);
    }
    return MIRAI_OK;
}

/* By affinity and by the quota of the control group, whichever is less. */
static double usable_cpus(void)
{
    cpu_set_t set;
    double count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (file == NULL) return count;
    long long quota = 0, period = 0;
    bool limited = fscanf(file, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0;
    (void)fclose(file);
    double allowed = limited ? ceil((double)quota / (double)period) : count;
    return allowed < count ? allowed : count;
}

mirai_status mirai__resources_copy(const mirai_resource *from, size_t count, mirai_resource **out,
                                   size_t *out_count)
{
    const mirai_resource cpus = {.name = "cpus", .amount = usable_cpus()};
    if (count == 0) {
        from = &cpus;
        count = 1;
    }
    size_t size = count * sizeof *from;
    for (size_t i = 0; i < count; i++) size += strlen(from[i].name) + 1;
    mirai_resource *copy = mirai__alloc(size);
    if (copy == NULL) return MIRAI_E_NOMEM;
    char *room = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(from[i].name) + 1;
        copy[i] = (mirai_resource){.name = memcpy(room, from[i].name, length), .amount = from[i].amount};
        room += length;
    }
    *out = copy;
    *out_count = count;
    return MIRAI_OK;
}

/* ---- devices --------------------------------------------------------------------------------- */

/* Name of device i among those that the host itself may use: entry i of its own list, where it has one. */
static size_t device_name(const char *list, int device, char *out, size_t size)
{
    for (int i = 0; list != NULL && i < device; i++) {
        list = strchr(list, ',');
        if (list != NULL) list++;
    }
    if (list == NULL || *list == '\0') return (size_t)snprintf(out, size, "%d", device);
    return (size_t)snprintf(out, size, "%.*s", (int)strcspn(list, ","), list);
}

static void list_devices(const char *variable, uint64_t devices, char *out, size_t size)
{
    const char *list = variable != NULL ? getenv(variable) : NULL;
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < 64; i++) {
        if (!(devices >> i & 1)) continue;
        if (used > 0 && used + 1 < size) out[used++] = ',';
        used += device_name(list, i, out + used, size - used);
        if (used >= size) used = size - 1;
    }
}

mirai__segment *mirai__resources_environment(mirai_pool *pool, uint64_t devices)
{
    static const char cuda[] = "CUDA_VISIBLE_DEVICES", hip[] = "HIP_VISIBLE_DEVICES";
    char cuda_list[4096], hip_list[4096], own_list[256];
    list_devices(cuda, devices, cuda_list, sizeof cuda_list);
    list_devices(hip, devices, hip_list, sizeof hip_list);
    list_devices(NULL, devices, own_list, sizeof own_list);
    mirai_value *variables = mirai_dict_of(cuda, mirai_string(cuda_list), hip, mirai_string(hip_list), "MIRAI_GPUS",
                                           mirai_string(own_list), MIRAI_END);
    if (variables == NULL) return NULL;
    mirai__segment *segment = NULL;
    mirai_status status = mirai__encode(variables, pool->hooks, MIRAI__ENCODE_COPY, &segment);
    mirai_value_release(variables);
    return status == MIRAI_OK ? segment : NULL;
}
