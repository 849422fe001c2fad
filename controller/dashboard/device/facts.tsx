/** What a device is, as it found out itself; and what it could not find out. */
import type { DeviceDetail } from '../../../shared/protocol/api.ts';
import type { Profile } from '../../../shared/protocol/profile.ts';
import { threeDigits } from '../format/numbers.ts';
import { formatInstant } from '../format/time.ts';
import { type Fact, hardwareFacts, powerFacts } from './hardware.ts';

export function Facts({ detail }: { readonly detail: DeviceDetail }) {
  const { profile } = detail;
  if (profile === null) return <p class="quiet">The device has not sent its profile yet.</p>;
  const facts = [
    ...hardwareFacts(profile),
    ...powerFacts(profile),
    ...measuredFacts(profile),
    ...softwareFacts(detail, profile),
  ];
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Hardware class</dt>
          <dd>
            <code>{profile.hardwareClass}</code>
          </dd>
        </div>
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

function measuredFacts({ probes }: Profile): Fact[] {
  if (!probes) return [];
  return [
    ['Float convolution', `${threeDigits(probes.float32Gmacs)} GMAC/s`],
    ['8-bit convolution', `${threeDigits(probes.int8Gmacs)} GMAC/s, ${timesFloat(probes)}× float`],
    ['Memory bandwidth', `${threeDigits(probes.memoryGiBs)} GiB/s`],
  ];
}

function timesFloat({ int8Gmacs, float32Gmacs }: NonNullable<Profile['probes']>): string {
  return threeDigits(int8Gmacs / float32Gmacs);
}

function softwareFacts(detail: DeviceDetail, profile: Profile): Fact[] {
  const { os } = profile;
  const system = [
    ...[`${os.distribution ?? os.platform} ${os.release}`, os.arch],
    ...(os.container ? ['in a container'] : []),
    ...(os.l4t == null ? [] : [`Jetson Linux ${os.l4t}`]),
    ...(os.jetpack == null ? [] : [`JetPack ${os.jetpack}`]),
  ];
  return [
    ['System', system.join(', ')],
    ['Runtime', `ONNX Runtime ${profile.runtimeVersion}: ${profile.providers.join(', ')}`],
    ['Agent', profile.agentVersion],
    ['Enrolled', formatInstant(detail.enrolledAt)],
  ];
}
