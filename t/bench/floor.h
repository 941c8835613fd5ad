/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * floor.h: what KVM itself costs on this machine, without any of core: one
 * OUT from CPL 3 and KVM_RUN again.  No call can be cheaper.
 */

#ifndef _FLOOR_H_INCLUDED_
#define _FLOOR_H_INCLUDED_


/* Makes the VM; says on stderr what is wrong and exits if it cannot. */
void floor_open(void);

/* One round trip. */
void floor_trip(void);


#endif /* _FLOOR_H_INCLUDED_ */
