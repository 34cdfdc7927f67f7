/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-rng: the host's random bytes. */
#ifndef RNG_H
#define RNG_H

#include "virtio.h"

struct rng {
	struct virtio virtio;
};

/* As virtio_add(). virtio_stop() and virtio_remove() end the device. */
int rng_add(struct rng *rng, struct vm *vm, unsigned int slot);
int rng_start(struct rng *rng);

#endif
