// SPDX-License-Identifier: GPL-2.0
/* A 16550: its registers, its FIFO, its interrupt. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "layout.h"
#include "serial.h"

/* While LCR_DIVISOR is set, the first two are the divisor's bytes. */
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH, FCR = IIR };

#define IER_RECEIVED	0x01
#define IER_SENT	0x02
#define IER_ALL		0x0f
#define IIR_NONE	0x01
#define IIR_SENT	0x02
#define IIR_RECEIVED	0x04
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR	0x02
#define LCR_DIVISOR	0x80
#define MCR_RTS		0x02
#define MCR_DTR		0x01
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10
#define MCR_ALL		0x1f
#define LSR_RECEIVED	0x01
#define LSR_SENT	0x60	/* THR empty, and transmitter empty */
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

/* ---- interrupts ---- */

/* The most urgent reason for an interrupt, in IIR's bits. */
static uint8_t reason(const struct serial *s)
{
	if (s->ier & IER_RECEIVED && s->count)
		return IIR_RECEIVED;
	if (s->ier & IER_SENT && s->sent)
		return IIR_SENT;
	return IIR_NONE;
}

static void update_irq(struct serial *s)
{
	bool level = reason(s) != IIR_NONE;

	if (level == s->level)
		return;
	s->level = level;
	vm_set_irq(s->vm, SERIAL_IRQ, level);
}

/* ---- bytes ---- */

/*
 * If poll() fails, write() reports the error or waits. Return: false if the VM
 * ends before there is room
 */
static bool wait_for_room(const struct serial *s)
{
	struct pollfd fds[] = {
		{ .fd = s->out_fd, .events = POLLOUT },
		{ .fd = s->vm->end_fd, .events = POLLIN },
	};

	while (!vm_has_ended(s->vm)) {
		int ret = poll(fds, 2, -1);

		if (ret < 0 ? errno != EINTR : fds[0].revents)
			return true;
	}
	return false;
}

/*
 * Called without the lock. If no process reads the output, this waits, and the
 * keyboard and the end of the VM must not wait for it. write() may still wait,
 * because another process has filled the room, or because a line's end takes
 * two bytes on a terminal. A signal interrupts it when the VM ends (thread.c).
 */
static void send(struct serial *s, uint8_t byte)
{
	ssize_t done;

	do {
		if (!wait_for_room(s))
			return;
		done = write(s->out_fd, &byte, sizeof(byte));
	} while (done < 0 && (errno == EINTR || errno == EAGAIN));
	if (done < 0)
		vm_end(s->vm, (fail_errno("the guest's console"), VM_FAILED));
}

static void store(struct serial *s, uint8_t byte)
{
	s->fifo[(s->head + s->count++) % SERIAL_TYPED] = byte;
}

static uint8_t take(struct serial *s)
{
	uint8_t byte;

	if (!s->count)
		return 0;
	byte = s->fifo[s->head];
	s->head = (s->head + 1) % SERIAL_TYPED;
	s->count--;
	pthread_cond_signal(&s->room);
	return byte;
}

bool serial_receive(struct serial *s, uint8_t byte)
{
	bool stored = false;

	pthread_mutex_lock(&s->lock);
	while (s->count >= SERIAL_FIFO && !s->closed)
		pthread_cond_wait(&s->room, &s->lock);
	if (!s->closed) {
		store(s, byte);
		update_irq(s);
		stored = true;
	}
	pthread_mutex_unlock(&s->lock);
	return stored;
}

void serial_type(struct serial *s, uint8_t byte)
{
	pthread_mutex_lock(&s->lock);
	if (s->count < SERIAL_TYPED) {
		store(s, byte);
		update_irq(s);
	}
	pthread_mutex_unlock(&s->lock);
}

void serial_close(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	s->closed = true;
	pthread_cond_broadcast(&s->room);
	pthread_mutex_unlock(&s->lock);
}

/* ---- registers ---- */

static uint8_t read_iir(struct serial *s)
{
	uint8_t iir = reason(s);

	if (iir == IIR_SENT)
		s->sent = false;
	return s->fifo_enabled ? iir | IIR_FIFO : iir;
}

/* In loopback mode, the modem outputs are the inputs. */
static uint8_t read_msr(const struct serial *s)
{
	uint8_t msr = 0;

	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (s->mcr & MCR_RTS)
		msr |= MSR_CTS;
	if (s->mcr & MCR_DTR)
		msr |= MSR_DSR;
	if (s->mcr & MCR_OUT1)
		msr |= MSR_RI;
	if (s->mcr & MCR_OUT2)
		msr |= MSR_DCD;
	return msr;
}

static uint8_t read_register(struct serial *s, unsigned int reg)
{
	bool divisor = s->lcr & LCR_DIVISOR;

	switch (reg) {
	case DATA:
		return divisor ? s->divisor & 0xff : take(s);
	case IER:
		return divisor ? s->divisor >> 8 : s->ier;
	case IIR:
		return read_iir(s);
	case LCR:
		return s->lcr;
	case MCR:
		return s->mcr;
	case LSR:
		return LSR_SENT | (s->count ? LSR_RECEIVED : 0);
	case MSR:
		return read_msr(s);
	default:
		return s->scratch;
	}
}

static void write_data(struct serial *s, uint8_t value)
{
	if (s->lcr & LCR_DIVISOR)
		s->divisor = (s->divisor & 0xff00) | value;
	else if (!(s->mcr & MCR_LOOP))
		s->sent = true;
	else if (s->count < SERIAL_FIFO)
		store(s, value);
}

/* Is a write to this register a byte for the output? */
static bool goes_out(const struct serial *s, unsigned int reg)
{
	return reg == DATA && !(s->lcr & LCR_DIVISOR) && !(s->mcr & MCR_LOOP);
}

/* Enabling the "sent" interrupt raises it at once, as all bytes are sent. */
static void write_ier(struct serial *s, uint8_t value)
{
	if (s->lcr & LCR_DIVISOR) {
		s->divisor = (s->divisor & 0xff) | value << 8;
		return;
	}
	if (value & ~s->ier & IER_SENT)
		s->sent = true;
	s->ier = value & IER_ALL;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	s->fifo_enabled = value & FCR_ENABLE;
	if (!(value & FCR_CLEAR))
		return;
	s->count = 0;
	pthread_cond_signal(&s->room);
}

static void write_register(struct serial *s, unsigned int reg, uint8_t value)
{
	switch (reg) {
	case DATA:
		write_data(s, value);
		break;
	case IER:
		write_ier(s, value);
		break;
	case FCR:
		write_fcr(s, value);
		break;
	case LCR:
		s->lcr = value;
		break;
	case MCR:
		s->mcr = value & MCR_ALL;
		break;
	case SCRATCH:
		s->scratch = value;
		break;
	}
}

static uint64_t read_port(void *device, uint64_t offset, unsigned int size)
{
	struct serial *s = device;
	uint8_t value;

	(void)size;
	pthread_mutex_lock(&s->lock);
	value = read_register(s, offset);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return value;
}

static void write_port(void *device, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	struct serial *s = device;
	bool out;

	(void)size;
	pthread_mutex_lock(&s->lock);
	out = goes_out(s, offset);
	pthread_mutex_unlock(&s->lock);
	if (out)
		send(s, value);
	pthread_mutex_lock(&s->lock);
	write_register(s, offset, value);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

/* ---- snapshots ---- */

void serial_save(struct serial *s, struct serial_state *state)
{
	pthread_mutex_lock(&s->lock);
	*state = (struct serial_state){
		.ier = s->ier, .lcr = s->lcr, .mcr = s->mcr,
		.scratch = s->scratch, .divisor = s->divisor,
		.fifo_enabled = s->fifo_enabled, .sent = s->sent,
		.count = s->count,
	};
	for (unsigned int i = 0; i < s->count; i++)
		state->fifo[i] = s->fifo[(s->head + i) % SERIAL_TYPED];
	pthread_mutex_unlock(&s->lock);
}

/* An interrupt that is due is raised again: the guest may not have seen it. */
int serial_restore(struct serial *s, const struct serial_state *state)
{
	if (state->count > SERIAL_TYPED || state->ier & ~IER_ALL ||
	    state->mcr & ~MCR_ALL || state->fifo_enabled > 1 ||
	    state->sent > 1)
		return -1;
	pthread_mutex_lock(&s->lock);
	s->ier = state->ier;
	s->lcr = state->lcr;
	s->mcr = state->mcr;
	s->scratch = state->scratch;
	s->divisor = state->divisor;
	s->fifo_enabled = state->fifo_enabled;
	s->sent = state->sent;
	s->head = 0;
	s->count = state->count;
	memcpy(s->fifo, state->fifo, state->count);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* ---- all ---- */

int serial_add(struct serial *serial, struct vm *vm, int out_fd)
{
	struct bus_range range = {
		.first = SERIAL_PORT, .size = SERIAL_PORTS, .device = serial,
		.read = read_port, .write = write_port,
	};

	*serial = (struct serial){ .vm = vm, .out_fd = out_fd };
	pthread_mutex_init(&serial->lock, NULL);
	pthread_cond_init(&serial->room, NULL);
	return bus_add(&vm->ports, &range);
}
