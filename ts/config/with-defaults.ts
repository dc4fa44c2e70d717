// Options over their defaults: what is left out, or undefined, is as the defaults say.

/** Every option is there. */
export type TComplete<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

/** An option that has a default has a value. */
export type TWithDefaults<D, G> = Omit<G, keyof D> & {
  [K in keyof D]: K extends keyof G ? D[K] | Exclude<G[K], undefined> : D[K];
};

export function withDefaults<D extends object, G extends object>(
  defaults: D,
  given: G | null | undefined,
): TWithDefaults<D, G> {
  const merged = { ...defaults } as Record<string, unknown>;
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value !== undefined) merged[name] = value;
  }
  return merged as TWithDefaults<D, G>;
}
