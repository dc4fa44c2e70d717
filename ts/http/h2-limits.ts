// What one HTTP/2 connection may cost: the sizes we announce, and budgets for frames that cost us more than the peer.

/** A counter that empties by itself: `burst` at once, `perSecond` for ever. */
export interface IH2Budget {
  readonly burst: number;
  readonly perSecond: number;
}

/** What is counted. A connection over one of them ends by GOAWAY ENHANCE_YOUR_CALM, which names it. */
export interface IH2Budgets {
  /** RST_STREAM from the peer, by `patientMs`; a stream that ends in peace gives half a one back. */
  readonly resets: IH2Budget;
  /** RST_STREAM that we had to send because of what the peer sent. */
  readonly faults: IH2Budget;
  /** Streams refused because too many lived. */
  readonly refusals: IH2Budget;
  readonly settings: IH2Budget;
  /** PING; content sent gives them back. */
  readonly pings: IH2Budget;
  /** DATA or header blocks that carry nothing and end nothing. */
  readonly emptyFrames: IH2Budget;
  /** WINDOW_UPDATE; each frame we send gives some back. */
  readonly windowUpdates: IH2Budget;
  /** PRIORITY and PRIORITY_UPDATE; each stream gives two back. */
  readonly priorities: IH2Budget;
  readonly unknownFrames: IH2Budget;
  readonly goaways: IH2Budget;
  /** DATA and header blocks for streams that we have reset. */
  readonly lateFrames: IH2Budget;
}

export type TH2BudgetName = keyof IH2Budgets;

export interface IH2Limits {
  /** Streams of the peer at a time (SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly maxConcurrentStreams: number;
  /** Content of one stream that may wait here (SETTINGS_INITIAL_WINDOW_SIZE). */
  readonly initialWindowBytes: number;
  /** To so much the window of a stream grows whose content is taken as fast as it comes. */
  readonly maxWindowBytes: number;
  /** By so much all windows of a connection's streams together may have grown. */
  readonly grownWindowBytes: number;
  /** What the whole connection may send before we acknowledge any; at least 65,535. */
  readonly connectionWindowBytes: number;
  /** A header list: names, values and 32 octets a field (RFC 9113 §6.5.2); a block's octets as they are sent may be four times as many. */
  readonly maxHeaderBytes: number;
  readonly maxFields: number;
  /** CONTINUATION frames in one header block. */
  readonly maxContinuations: number;
  /** Content that waits for one stream's windows before its owner is told to stop; a chunk of 64 kB may be the one that passes it. */
  readonly maxStreamUnsentBytes: number;
  /** The same for all streams of a connection together. */
  readonly maxUnsentBytes: number;
  /** Frames other than DATA that wait for a peer that does not read. */
  readonly maxUnreadBytes: number;
  /** For the acknowledgement of our SETTINGS. */
  readonly settingsMs: number;
  /** For the rest of a header block, or of another frame that is no content, once a part of it is there. */
  readonly headerBlockMs: number;
  /** For the answer that separates the two steps of a graceful GOAWAY. */
  readonly drainMs: number;
  /** We allow extended CONNECT (RFC 8441); client's side only. */
  readonly allowConnectProtocol: boolean;
  readonly budgets: IH2Budgets;
}

/**
 * Whoever waits for an answer so long, or until it begins, before he resets the stream, asks for no more at a time than he may: by that
 * alone, `maxConcurrentStreams` every so often. He costs the connection to the target, so that it is counted still, as a part of a
 * reset: two hundred a second for ever are a map that is scrolled. What is reset at once is a flood, and counts in full.
 */
export const patientMs = 250;
export const patientShare = 0.25;

export const defaultH2Limits: IH2Limits = {
  maxConcurrentStreams: 128,
  initialWindowBytes: 65_535,
  maxWindowBytes: 1_048_576,
  grownWindowBytes: 4_194_304,
  connectionWindowBytes: 1_048_576,
  maxHeaderBytes: 65_536,
  maxFields: 200,
  maxContinuations: 32,
  maxStreamUnsentBytes: 32_768,
  maxUnsentBytes: 4_194_304,
  maxUnreadBytes: 1_048_576,
  settingsMs: 10_000,
  headerBlockMs: 10_000,
  drainMs: 1_000,
  allowConnectProtocol: true,
  budgets: {
    resets: { burst: 400, perSecond: 50 },
    faults: { burst: 100, perSecond: 10 },
    refusals: { burst: 1_000, perSecond: 100 },
    settings: { burst: 32, perSecond: 1 },
    pings: { burst: 200, perSecond: 10 },
    emptyFrames: { burst: 100, perSecond: 10 },
    windowUpdates: { burst: 1_000, perSecond: 100 },
    priorities: { burst: 500, perSecond: 50 },
    unknownFrames: { burst: 500, perSecond: 20 },
    goaways: { burst: 16, perSecond: 1 },
    lateFrames: { burst: 2_000, perSecond: 500 },
  },
};
