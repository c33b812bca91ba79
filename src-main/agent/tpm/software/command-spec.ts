/** How a command is described: how many handles it has, how many of them it must be allowed to use, what it does. */
import type { Memory } from './memory.ts';
import type { Reply, Request } from './request.ts';

export interface CommandSpec {
  readonly code: number;
  readonly handles: number;
  /** The first so many handles need an authorisation. */
  readonly authorised: number;
  run(memory: Memory, request: Request): Reply | Promise<Reply>;
}
