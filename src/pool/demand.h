/*
 * demand: what a submission asks of the scheduler.
 */
#ifndef MIRAI__DEMAND_H
#define MIRAI__DEMAND_H

#include "scheduler.h"

/* The fields of complete options that are the scheduler's, all but times: E_INVALID. */
mirai_status mirai__demand_check(const mirai_submit_options *options);
/* Checked options as the scheduler wants them; borrows from them. Pool's lock held. E_INFEASIBLE for a daemon that
 * is not there. */
mirai_status mirai__demand_read(const mirai_pool *pool, const mirai_submit_options *options,
                                mirai__sched_request *out);

#endif
