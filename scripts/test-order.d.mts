export function longestFirst(files: readonly string[]): string[];

export function splitAlone(root: string, files: readonly string[]): Promise<{ together: string[]; alone: string[] }>;
