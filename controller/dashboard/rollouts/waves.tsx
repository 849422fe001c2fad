/** The waves of a rollout as one bar in segments: how large each is and how far. */
import { counted } from '../format/numbers.ts';
import { barStates, type RolloutProgress, type WaveProgress } from './progress.ts';

export function Waves({ progress }: { readonly progress: RolloutProgress }) {
  return (
    <span class="waves" role="img" aria-label={describe(progress)}>
      {progress.waves.map((wave) => (
        <span
          key={wave.number}
          class={`wave wave-${wave.stage}`}
          // Waves often grow a hundredfold: the root keeps the first one visible.
          style={{ flexGrow: Math.sqrt(wave.size) }}
          title={describeWave(wave)}
        >
          {barStates
            .filter((state) => state !== 'waiting' && wave.members[state] > 0)
            .map((state) => (
              <span
                key={state}
                class={`wave-part sign-${state}`}
                style={{ width: `${(wave.members[state] / wave.size) * 100}%` }}
              />
            ))}
        </span>
      ))}
    </span>
  );
}

function describe(progress: RolloutProgress): string {
  return progress.waves.map(describeWave).join('; ');
}

function describeWave(wave: WaveProgress): string {
  const parts = barStates
    .filter((state) => wave.members[state] > 0)
    .map((state) => `${wave.members[state]} ${state}`);
  return `wave ${wave.number}: ${counted(wave.size, 'device')}, ${parts.join(', ')}`;
}
