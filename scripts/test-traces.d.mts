import type { ITestFileResult } from './test-file.mjs';

export function commentOf(map: string): string;

export function restoreTraces(text: string, folder: string): string;

export function restoreResult(result: ITestFileResult, folder: string): ITestFileResult;
