/** What a device is, as it found out itself; and what it could not find out. */
import type { ComponentChildren } from 'preact';
import type { DeviceDetail } from '../../../shared/protocol/api.ts';
import type { Profile } from '../../../shared/protocol/profile.ts';
import { formatCelsius, formatMiB, formatPercent, threeDigits } from '../format/numbers.ts';
import { formatInstant } from '../format/time.ts';

type Fact = readonly [string, ComponentChildren];

export function Facts({ detail }: { readonly detail: DeviceDetail }) {
  const { profile } = detail;
  if (profile === null) return <p class="quiet">The device has not sent its profile yet.</p>;
  const facts = [
    ...machineFacts(profile),
    ...measuredFacts(profile),
    ...softwareFacts(detail, profile),
  ];
  return (
    <>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {profile.missing.length > 0 && (
        <details class="missing">
          <summary>{profile.missing.length} could not be read</summary>
          <ul>
            {profile.missing.map(({ what, reason }) => (
              <li key={what}>
                {what}: <span class="quiet">{reason}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function machineFacts(profile: Profile): Fact[] {
  const { processor, memory, disk, power } = profile;
  const quota = processor.quotaCores === null ? '' : `, ${processor.quotaCores} allowed`;
  const limit = memory.limitMiB === null ? '' : `, limit ${formatMiB(memory.limitMiB)}`;
  return [
    ['Hardware class', <code key="class">{profile.hardwareClass}</code>],
    ['Board', profile.board ?? 'not known'],
    ['Processor', `${processor.model}, ${processor.cores} cores${quota}`],
    ...(processor.frequencyMHzMax === null
      ? []
      : [fact('Highest clock', `${threeDigits(processor.frequencyMHzMax / 1000)} GHz`)]),
    ['Instructions', processor.features.join(' ') || 'none that matter'],
    ['Memory', `${formatMiB(memory.totalMiB)}, ${formatMiB(memory.availableMiB)} free${limit}`],
    ...(disk.freeMiB === null ? [] : [fact('Disk', `${formatMiB(disk.freeMiB)} free`)]),
    ['Power', powerText(power)],
    ...profile.accelerators.map(({ kind, name }) => fact(`Accelerator (${kind})`, name)),
  ];
}

function measuredFacts({ probes, temperatures }: Profile): Fact[] {
  const measured = probes
    ? [
        fact('Float convolution', `${threeDigits(probes.float32Gmacs)} GMAC/s`),
        fact(
          '8-bit convolution',
          `${threeDigits(probes.int8Gmacs)} GMAC/s, ${timesFloat(probes)}× float`,
        ),
        fact('Memory bandwidth', `${threeDigits(probes.memoryGiBs)} GiB/s`),
      ]
    : [];
  const sensors = temperatures.map(({ name, celsius }) => `${name} ${formatCelsius(celsius)}`);
  return sensors.length > 0 ? [...measured, fact('Temperatures', sensors.join(', '))] : measured;
}

function timesFloat({ int8Gmacs, float32Gmacs }: NonNullable<Profile['probes']>): string {
  return threeDigits(int8Gmacs / float32Gmacs);
}

function softwareFacts(detail: DeviceDetail, profile: Profile): Fact[] {
  const { os } = profile;
  const system = `${os.distribution ?? os.platform} ${os.release}`;
  return [
    ['System', `${system}, ${os.arch}${os.container ? ', in a container' : ''}`],
    ['Runtime', `ONNX Runtime ${profile.runtimeVersion}: ${profile.providers.join(', ')}`],
    ['Agent', profile.agentVersion],
    ['Enrolled', formatInstant(detail.enrolledAt)],
  ];
}

function powerText({ source, batteryPercent, mode, watts }: Profile['power']): string {
  const parts = [
    source ?? 'source not known',
    batteryPercent === null ? '' : formatPercent(batteryPercent / 100, 0),
    mode ?? '',
    watts === null ? '' : `${threeDigits(watts)} W`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function fact(name: string, value: string): Fact {
  return [name, value];
}
