// The settings of HTTP/2 (RFC 9113 §6.5): what a peer has told, checked.

import { h2Error, leastMaxFrameBytes } from './http2-frame.js';

/** RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1. */
export const h2Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
  noRfc7540Priorities: 9,
} as const;

/** RFC 9113 §6.9.1: no window may be larger. */
export const maxWindow = 0x7fff_ffff;
/** RFC 9113 §6.9.2: each window's size until something else is said. */
export const firstWindow = 65_535;

export class PeerSettings {
  headerTableSize = 4_096;
  /** Until it is told there is no limit. */
  maxConcurrentStreams = 0xffff_ffff;
  initialWindowSize = firstWindow;
  maxFrameSize = leastMaxFrameBytes;
  maxHeaderListSize = 0xffff_ffff;
  enableConnectProtocol = false;
  #noRfc7540Priorities = -1;

  /**
   * Takes the payload of a SETTINGS frame, whose length is a multiple of 6. Those that are not known are ignored.
   * `fromServer`: who sent it.
   * @returns a code of RFC 9113 §7; 0 where all are right.
   */
  apply(bytes: Buffer, at: number, end: number, fromServer: boolean): number {
    for (let next = at; next < end; next += 6) {
      const fault = this.#set(bytes.readUInt16BE(next), bytes.readUInt32BE(next + 2), fromServer);
      if (fault !== 0) return fault;
    }
    return 0;
  }

  #set(name: number, value: number, fromServer: boolean): number {
    switch (name) {
      case h2Setting.headerTableSize:
        this.headerTableSize = value;
        return 0;
      case h2Setting.enablePush:
        return value > 1 || (fromServer && value === 1) ? h2Error.protocol : 0;
      case h2Setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        return 0;
      case h2Setting.initialWindowSize:
        this.initialWindowSize = value;
        return value > maxWindow ? h2Error.flowControl : 0;
      case h2Setting.maxFrameSize:
        this.maxFrameSize = value;
        return value < leastMaxFrameBytes || value > 0xff_ffff ? h2Error.protocol : 0;
      case h2Setting.maxHeaderListSize:
        this.maxHeaderListSize = value;
        return 0;
      case h2Setting.enableConnectProtocol:
        return this.#setConnectProtocol(value);
      case h2Setting.noRfc7540Priorities:
        return this.#setPriorities(value);
      default:
        return 0;
    }
  }

  /** RFC 8441 §3: once given it is not taken back. */
  #setConnectProtocol(value: number): number {
    if (value > 1 || (value === 0 && this.enableConnectProtocol)) return h2Error.protocol;
    this.enableConnectProtocol = value === 1;
    return 0;
  }

  /** RFC 9218 §2.1: it does not change. */
  #setPriorities(value: number): number {
    if (value > 1 || (this.#noRfc7540Priorities >= 0 && this.#noRfc7540Priorities !== value)) return h2Error.protocol;
    this.#noRfc7540Priorities = value;
    return 0;
  }
}
