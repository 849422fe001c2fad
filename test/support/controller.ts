/** A real controller in this process, on a folder and ports of its own. */
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import Sqlite from 'better-sqlite3';
import { pino } from 'pino';
import * as v from 'valibot';
import { type Controller, startController } from '../../controller/main.ts';
import { readSettings } from '../../controller/settings.ts';
import { createHttpClient, type HttpClient } from '../../shared/http-client.ts';
import { temporaryFolder } from './fettle.ts';
import { newDatabase, runSql } from './postgres.ts';

export interface TestController {
  readonly folder: string;
  readonly controller: Controller;
  /** As the administrator. */
  readonly client: HttpClient;
  /** A token with which `uses` devices may enrol. */
  enrolmentToken(uses?: number): Promise<string>;
  /** Runs a statement on its database; the controller is stopped. */
  execute(statement: string): void;
  /** Stops it in good order and starts it on the same folder and ports. */
  restart(): Promise<TestController>;
  stop(): Promise<void>;
}

type Overrides = Readonly<Record<string, string | number>>;

const Token = v.object({ token: v.string() });

/** It is stopped after the test. */
export async function startTestController(
  t: ExecutionContext,
  overrides: Overrides = {},
): Promise<TestController> {
  // Where a server is given, the same tests hold on it.
  const server = process.env.FETTLE_TEST_DATABASE;
  const database = server === undefined ? {} : { database: newDatabase(server) };
  const started = await start(temporaryFolder(t), { ...overrides, ...database });
  let last = started;
  t.teardown(() => last.stop());
  const follow = (test: TestController): TestController => ({
    ...test,
    async restart() {
      last = await test.restart();
      return follow(last);
    },
  });
  return follow(started);
}

async function start(folder: string, overrides: Overrides): Promise<TestController> {
  const settings = readSettings({ data: folder, port: 0, brokerPort: 0, ...overrides });
  const controller = await startController(settings, pino({ level: 'silent' }));
  const { url, brokerUrl, adminToken } = controller;
  const client = createHttpClient({ url, token: adminToken });
  return {
    folder,
    controller,
    client,
    async enrolmentToken(uses = 1) {
      const options = { method: 'POST', body: { maxUses: uses } } as const;
      return (await client.call(Token, '/api/v1/enrolment-tokens', options)).token;
    },
    execute(statement) {
      if (typeof overrides.database === 'string') return runSql(overrides.database, statement);
      const db = new Sqlite(join(folder, 'fettle.db'));
      db.exec(statement);
      db.close();
    },
    async restart() {
      await controller.stop();
      const ports = { port: new URL(url).port, brokerPort: new URL(brokerUrl).port };
      return start(folder, { ...overrides, ...ports });
    },
    stop: () => controller.stop(),
  };
}
