export function buildTests(): Promise<string>;

export function outputOf(folder: string, source: string): string;
