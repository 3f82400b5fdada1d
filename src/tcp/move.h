/* move.h - the facts that move the state machine, by name; which state they lead to is transition.def's to say
 * (RFC 9293 3.3.2). */
#ifndef TCP_MOVE_H
#define TCP_MOVE_H

/* Classified facts that move the state machine: the second column of transition.def. */
enum move {
    MOVE_ACTIVE_OPEN,
    MOVE_PASSIVE_OPEN,
    MOVE_SYN,
    MOVE_SYN_ACKED,
    MOVE_BACK_TO_LISTEN,
    MOVE_CLOSE,
    MOVE_FIN,
    MOVE_FIN_ACKED,
    MOVE_FIN_AND_ACKED,
    MOVE_TWO_MSL,
    MOVE_REUSED,
    MOVE_RESET,
    MOVE_ABORT,
    MOVE_GIVE_UP,
    MOVES
};

#endif
