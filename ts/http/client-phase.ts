// How far a client's HTTP/1.1 connection has come, and how long and how much it waits for what nobody needs.

/**
 * `idle`: nothing of the next request is there. `discard`: the answer is complete, the rest of the request's content is read
 * and thrown away. `full`: the client must take answers before it is heard again. `closing`: our side is ended. `gone`: the
 * socket is no longer ours.
 */
export type TPhase = 'idle' | 'head' | 'exchange' | 'discard' | 'full' | 'closing' | 'gone';

/** Content that nobody wanted is read to the end, to keep the connection, if it is no more than this. */
export const discardBytes = 65_536;
/** How long a client that still sends is listened to after our FIN, so that no reset takes the answer from it. */
export const lingerMs = 2_000;
