// Deep freezing of plain data.

/**
 * Freezes objects and arrays all the way down and returns the same value. What is frozen already is taken to be so all
 * the way down. Functions and objects of classes stay as they are.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) freezeObject(value as Record<string, unknown>);
  return value;
}

function freezeObject(value: Record<string, unknown>): void {
  if (Object.isFrozen(value) || !isPlain(value)) return;
  // All keys are own: the prototypes of plain data have none that can be listed.
  for (const key in value) {
    const inner = value[key];
    if (typeof inner === 'object' && inner !== null) freezeObject(inner as Record<string, unknown>);
  }
  Object.freeze(value);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}
