// Attacks on a proxy of one's own, for the command line and for test suites: `@push.rocks/smartproxy/attack`.

export type { IAttackTarget } from './attack/connect.js';
export { attackFamilies } from './attack/corpus.js';
export { entrancesOf, type IEntrance } from './attack/entrances.js';
export { type IAttackOrigin, startAttackOrigin } from './attack/origin.js';
export { attackConfiguration, type IRehearsalOptions } from './attack/rehearse.js';
export { formatAttackReport } from './attack/report.js';
export { type IAttackOptions, runAttacks } from './attack/run.js';
export type {
  IAttackCounts,
  IAttackReport,
  IAttackResult,
  IOriginRequest,
  TAttackFamily,
  TAttackVerdict,
  TAttackVersion,
} from './attack/types.js';
