/** What the reporter says of one test. */
export interface ITestReport {
  readonly name: string;
  readonly nesting: number;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly ms: number;
  /** Only of failed ones. */
  readonly why?: string;
}

export interface ITestFileResult {
  readonly file: string;
  readonly tests: readonly ITestReport[];
  readonly troubles: readonly string[];
  readonly output: string;
  readonly ms: number;
}

export function runTestFile(options: {
  readonly file: string;
  readonly compiled?: string;
  readonly node: string;
  readonly timeoutMs: number;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly patienceMs?: number;
}): Promise<ITestFileResult>;

export function killRunning(): Promise<void>;
