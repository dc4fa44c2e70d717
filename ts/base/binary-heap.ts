// A priority queue that can also find, move and remove what it holds by key.
//
// Items live in numbered slots; the heap orders slot numbers, and each slot knows its place in the heap. Moving an item
// therefore writes two small integers and never touches the key index, which changes on insert and removal only.

/**
 * The smallest item first. `insert`, `extract`, `remove`, `update`: O(log n); `peek`, `has`, `get`: O(1).
 * Items that compare as equal come out in no particular order.
 */
export class BinaryHeap<T, K = unknown> {
  readonly #compare: (a: T, b: T) => number;
  readonly #keyOf: ((item: T) => K) | undefined;
  readonly #slotByKey = new Map<K, number>();
  /** Slot -> item; undefined where the slot is free. */
  readonly #items: (T | undefined)[] = [];
  /** Slot -> its place in `#heap`. */
  readonly #places: number[] = [];
  /** Slots in heap order; only the first `#size` count. */
  readonly #heap: number[] = [];
  readonly #freeSlots: number[] = [];
  #size = 0;

  /**
   * @param compareFn negative if `a` comes out before `b`. Must not throw, and must not change its mind about items in
   *   the heap unless `update` is called.
   * @param extractKey gives an item's key, unique in the heap and unchanging; needed for `has`, `get`, `remove`, `update`.
   */
  constructor(compareFn: (a: T, b: T) => number, extractKey?: (item: T) => K) {
    this.#compare = compareFn;
    this.#keyOf = extractKey;
  }

  get size(): number {
    return this.#size;
  }

  isEmpty(): boolean {
    return this.#size === 0;
  }

  /** The smallest item, left where it is. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#items[this.#heap[0] as number];
  }

  /** Throws if an item with the same key is there already. */
  insert(item: T): void {
    const slot = this.#freeSlots.length > 0 ? (this.#freeSlots.pop() as number) : this.#items.length;
    if (this.#keyOf) {
      const key = this.#keyOf(item);
      if (this.#slotByKey.has(key)) {
        if (slot < this.#items.length) this.#freeSlots.push(slot);
        throw new Error(`the heap already holds an item with the key ${String(key)}`);
      }
      this.#slotByKey.set(key, slot);
    }
    this.#items[slot] = item;
    this.#siftUp(this.#size++, slot);
  }

  /** Takes the smallest item out. */
  extract(): T | undefined {
    return this.#size === 0 ? undefined : this.#takeAt(0);
  }

  has(key: K): boolean {
    this.#needKeys();
    return this.#slotByKey.has(key);
  }

  get(key: K): T | undefined {
    this.#needKeys();
    const slot = this.#slotByKey.get(key);
    return slot === undefined ? undefined : this.#items[slot];
  }

  /** Takes the item with this key out, wherever it stands; undefined if there is none. */
  remove(key: K): T | undefined {
    this.#needKeys();
    const slot = this.#slotByKey.get(key);
    return slot === undefined ? undefined : this.#takeAt(this.#places[slot] as number);
  }

  /**
   * Puts the item with this item's key back in order after what it is compared by has changed, and keeps `item` in its
   * place if it is another object. False if there is none.
   */
  update(item: T): boolean {
    const slot = this.#slotByKey.get(this.#needKeys()(item));
    if (slot === undefined) return false;
    this.#items[slot] = item;
    this.#resettle(this.#places[slot] as number, slot);
    return true;
  }

  clear(): void {
    this.#slotByKey.clear();
    this.#items.length = 0;
    this.#places.length = 0;
    this.#heap.length = 0;
    this.#freeSlots.length = 0;
    this.#size = 0;
  }

  #needKeys(): (item: T) => K {
    if (!this.#keyOf) throw new Error('a heap without extractKey cannot be searched by key');
    return this.#keyOf;
  }

  #takeAt(place: number): T {
    const slot = this.#heap[place] as number;
    const item = this.#items[slot] as T;
    if (this.#keyOf) this.#slotByKey.delete(this.#keyOf(item));
    this.#items[slot] = undefined;
    this.#freeSlots.push(slot);
    const last = this.#heap[--this.#size] as number;
    if (place < this.#size) this.#resettle(place, last);
    return item;
  }

  /** Puts `slot` at `place` or wherever its order demands. */
  #resettle(place: number, slot: number): void {
    if (this.#siftUp(place, slot) === place) this.#siftDown(place, slot);
  }

  /** Moves the hole at `place` up until `slot` fits, fills it and returns where that was. */
  #siftUp(place: number, slot: number): number {
    const heap = this.#heap;
    const item = this.#items[slot] as T;
    let hole = place;
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      const parent = heap[above] as number;
      if (this.#compare(item, this.#items[parent] as T) >= 0) break;
      this.#put(hole, parent);
      hole = above;
    }
    this.#put(hole, slot);
    return hole;
  }

  #siftDown(place: number, slot: number): void {
    const heap = this.#heap;
    const item = this.#items[slot] as T;
    const size = this.#size;
    let hole = place;
    for (let below = 2 * hole + 1; below < size; below = 2 * hole + 1) {
      let child = heap[below] as number;
      const right = below + 1;
      if (right < size && this.#compare(this.#items[heap[right] as number] as T, this.#items[child] as T) < 0) {
        below = right;
        child = heap[right] as number;
      }
      if (this.#compare(item, this.#items[child] as T) <= 0) break;
      this.#put(hole, child);
      hole = below;
    }
    this.#put(hole, slot);
  }

  #put(place: number, slot: number): void {
    this.#heap[place] = slot;
    this.#places[slot] = place;
  }
}
