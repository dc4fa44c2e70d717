// How much one issuer may still be asked: its own word, and the orders that it takes in a while. No I/O.

/** Kept in the store. Times are milliseconds since 1970. */
export interface IBudget {
  /** 0: the issuer did not ask to be left alone. */
  readonly blockedUntilMs: number;
  /** When it said so. */
  readonly blockedAtMs: number;
  /** Made within the window. */
  readonly orders: readonly IOrdersMade[];
}

/** Ten minutes of orders: exact times of hundreds would be written with each of them. */
interface IOrdersMade {
  readonly fromMs: number;
  readonly count: number;
}

export const emptyBudget: IBudget = { blockedUntilMs: 0, blockedAtMs: 0, orders: [] };

/** A record from the store, which may be anything. */
export function readBudget(value: unknown): IBudget {
  if (typeof value !== 'object' || value === null) return emptyBudget;
  const { blockedUntilMs, blockedAtMs, orders } = value as Partial<Record<keyof IBudget, unknown>>;
  return {
    blockedUntilMs: typeof blockedUntilMs === 'number' ? blockedUntilMs : 0,
    blockedAtMs: typeof blockedAtMs === 'number' ? blockedAtMs : 0,
    orders: Array.isArray(orders) ? orders.filter(isOrdersMade) : [],
  };
}

/** From when on the issuer may be spoken to; 0: now, as after a clock was set back: nobody knows how long is left. */
export function blockedUntil({ blockedUntilMs, blockedAtMs }: IBudget, nowMs: number): number {
  const untilMs = Math.min(blockedUntilMs, blockedAtMs + longestMs);
  return untilMs > nowMs && blockedAtMs <= nowMs + setBackMs ? untilMs : 0;
}

const setBackMs = 300_000;
/** No issuer is believed for longer: whatever says so was not written by us. */
const longestMs = 31 * 86_400_000;

/** From when on there may be another order; 0: now. */
export function orderableAt(budget: IBudget, nowMs: number): number {
  const recent = recentOrders(budget, nowMs);
  const [oldest] = recent;
  const isFull = recent.reduce((sum, { count }) => sum + count, 0) >= ordersInWindow;
  const fullUntil = isFull && oldest !== undefined ? oldest.fromMs + sliceMs + windowMs : 0;
  return Math.max(blockedUntil(budget, nowMs), fullUntil);
}

export function withOrder(budget: IBudget, nowMs: number): IBudget {
  const fromMs = nowMs - (nowMs % sliceMs);
  const recent = recentOrders(budget, nowMs);
  const others = recent.filter((made) => made.fromMs !== fromMs);
  const count = 1 + (recent.find((made) => made.fromMs === fromMs)?.count ?? 0);
  return { ...budget, orders: [...others, { fromMs, count }] };
}

export const withBlock = (budget: IBudget, nowMs: number, untilMs: number): IBudget => ({
  ...budget,
  blockedAtMs: nowMs,
  blockedUntilMs: Math.max(untilMs, blockedUntil(budget, nowMs)),
});

/** Oldest first. A slice counts whole until its last moment is out of the window. */
const recentOrders = ({ orders }: IBudget, nowMs: number): IOrdersMade[] =>
  orders.filter(({ fromMs }) => fromMs + sliceMs > nowMs - windowMs && fromMs <= nowMs);

function isOrdersMade(value: unknown): value is IOrdersMade {
  const { fromMs, count } = (value ?? {}) as Partial<Record<keyof IOrdersMade, unknown>>;
  return typeof fromMs === 'number' && typeof count === 'number';
}

/** Let's Encrypt takes 300 new orders of an account in three hours; others share the account at times. */
export const ordersInWindow = 250;
export const windowMs = 3 * 3_600_000;
const sliceMs = 600_000;
