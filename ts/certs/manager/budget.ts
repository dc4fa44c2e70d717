// How much one issuer may still be asked: its own word, and the orders that it takes in a while. No I/O.

/** Kept in the store. Times are milliseconds since 1970. */
export interface IBudget {
  /** 0: the issuer did not ask to be left alone. */
  readonly blockedUntilMs: number;
  /** When it said so. */
  readonly blockedAtMs: number;
  /** When orders were made, within the window. */
  readonly orders: readonly number[];
}

export const emptyBudget: IBudget = { blockedUntilMs: 0, blockedAtMs: 0, orders: [] };

/** A record from the store, which may be anything. */
export function readBudget(value: unknown): IBudget {
  if (typeof value !== 'object' || value === null) return emptyBudget;
  const { blockedUntilMs, blockedAtMs, orders } = value as Partial<Record<keyof IBudget, unknown>>;
  return {
    blockedUntilMs: typeof blockedUntilMs === 'number' ? blockedUntilMs : 0,
    blockedAtMs: typeof blockedAtMs === 'number' ? blockedAtMs : 0,
    orders: Array.isArray(orders) ? orders.filter((at): at is number => typeof at === 'number') : [],
  };
}

/** From when on the issuer may be spoken to; 0: now, as after a clock was set back: nobody knows how long is left. */
export const blockedUntil = ({ blockedUntilMs, blockedAtMs }: IBudget, nowMs: number): number =>
  blockedUntilMs > nowMs && blockedAtMs <= nowMs + setBackMs ? blockedUntilMs : 0;

const setBackMs = 300_000;

/** From when on there may be another order; 0: now. */
export function orderableAt(budget: IBudget, nowMs: number): number {
  const recent = recentOrders(budget, nowMs);
  const oldest = recent.length < ordersInWindow ? null : recent[recent.length - ordersInWindow];
  return Math.max(blockedUntil(budget, nowMs), oldest == null ? 0 : oldest + windowMs);
}

export const withOrder = (budget: IBudget, nowMs: number): IBudget => ({
  ...budget,
  orders: [...recentOrders(budget, nowMs), nowMs],
});

export const withBlock = (budget: IBudget, nowMs: number, untilMs: number): IBudget => ({
  ...budget,
  blockedAtMs: nowMs,
  blockedUntilMs: Math.max(untilMs, blockedUntil(budget, nowMs)),
});

const recentOrders = ({ orders }: IBudget, nowMs: number): number[] =>
  orders.filter((at) => at > nowMs - windowMs && at <= nowMs);

/** Let's Encrypt takes 300 new orders of an account in three hours; others share the account at times. */
export const ordersInWindow = 250;
export const windowMs = 3 * 3_600_000;
