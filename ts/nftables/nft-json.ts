// The words of nft's JSON (libnftables-json(5)) that our rules are written in. Values are data: nothing is ever pasted
// into the text of a rule.

export type TExpression = string | number | { readonly [key: string]: unknown };
export type TStatement = { readonly [key: string]: unknown };
/** One entry of the list that `nft -j -f -` takes. */
export type TCommand = { readonly [verb: string]: unknown };

/** All tables of ours are of this family: one rule for IPv4 and IPv6. */
export const family = 'inet';

export interface IRule {
  readonly expr: readonly TStatement[];
  readonly comment?: string;
}

export const match = (left: TExpression, right: unknown, op: '==' | '!=' | 'in' = '=='): TStatement => ({
  match: { op, left, right },
});

export const meta = (key: string): TExpression => ({ meta: { key } });
export const ct = (key: string): TExpression => ({ ct: { key } });
export const payload = (protocol: string, field: string): TExpression => ({ payload: { protocol, field } });
export const masked = (left: TExpression, mask: number | string): TExpression => ({ '&': [left, mask] });
export const vmap = (key: TExpression, data: unknown): TStatement => ({ vmap: { key, data } });
export const setTo = (key: TExpression, value: unknown): TStatement => ({ mangle: { key, value } });
export const counter = (name: string): TStatement => ({ counter: name });
export const goto = (target: string): TStatement => ({ goto: { target } });
export const jump = (target: string): TStatement => ({ jump: { target } });
export const accept: TStatement = { accept: null };
export const drop: TStatement = { drop: null };
export const giveBack: TStatement = { return: null };

/** The address is one of this machine's own. */
export const toThisMachine = match({ fib: { result: 'type', flags: ['daddr'] } }, 'local');

/** The text of one transaction. */
export const script = (commands: readonly TCommand[]): string => JSON.stringify({ nftables: commands });
