// Ranges of ports, in the older shape.

import { mergePorts } from '../config/ports.js';
import type { IPortSpan } from '../config/types.js';
import type { OldShape } from './old-shape.js';

/** Merged; one that runs backwards is a fault. */
export function readRanges(shape: OldShape, key: string): readonly IPortSpan[] {
  const spans = shape.spans(key).filter(({ from, to }) => from <= to && from > 0);
  if (spans.length < shape.spans(key).length) shape.fault(key, 'ranges from 1, each from its lower port to its higher');
  return mergePorts(spans);
}
