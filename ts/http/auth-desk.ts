// Everybody who takes time to judge a request. It outlives configurations: what was found out stays known.

import type { IClock } from '../base/clock.js';
import type { ILogger } from '../base/logger.js';
import { Hashes } from './auth-hash.js';
import { Passwords } from './auth-passwords.js';
import { AuthServers } from './auth-servers.js';
import { Tokens } from './auth-tokens.js';
import type { Upstreams } from './upstream.js';

export interface IAuthDeskParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly upstreams: Upstreams;
}

export class AuthDesk {
  readonly passwords: Passwords;
  readonly tokens: Tokens;
  readonly servers: AuthServers;
  readonly #hashes = new Hashes();

  constructor({ clock, logger, upstreams }: IAuthDeskParts) {
    this.passwords = new Passwords(clock, this.#hashes.compare);
    this.tokens = new Tokens(clock, logger, upstreams);
    this.servers = new AuthServers(upstreams);
  }

  async cleanup(): Promise<void> {
    await this.#hashes.cleanup();
  }
}
