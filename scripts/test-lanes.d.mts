export function runInLanes(queue: string[], runOne: (file: string) => Promise<unknown>): Promise<void>;
