import test from 'ava';
import { type AgentInput, agentSettings, deviceNameOf } from '../../agent/settings.ts';

test('without any setting there are defaults', (t) => {
  const settings = agentSettings({});
  t.like(settings, { httpHost: '127.0.0.1', httpPort: 8910, controller: null, cores: null });
  t.true(settings.dataFolder.endsWith('.local/state/fettle/agent'));
});

const names = {
  raspberrypi: 'raspberrypi',
  'Büro PC.local': 'b-ro-pc.local',
  '--x': 'x',
  '..': 'device',
  日本: 'device',
};

for (const [host, name] of Object.entries(names)) {
  test(`the host ${host} is the device ${name}`, (t) => t.is(deviceNameOf(host), name));
}

const bad: Readonly<Record<string, AgentInput>> = {
  '--controller': { controller: 'ftp://controller' },
  '--http-port': { httpPort: 70_000 },
  '--memory-mib': { memoryMiB: 1 },
  '--cores': { cores: 0.5 },
  '--label': { labels: { 'No Good': 'x' } },
};

for (const [setting, input] of Object.entries(bad)) {
  test(`a bad ${setting} is refused with what was expected`, (t) => {
    t.throws(() => agentSettings(input), { code: 'BAD_SETTING', message: /expected .* got / });
  });
}

test('a bad name is refused', (t) => {
  t.throws(() => agentSettings({ device: '../x' }), { code: 'BAD_NAME' });
});
