/** What stands where there is nothing to show yet, or nothing can be shown. */
import type { ComponentChildren } from 'preact';

interface NoticeProps {
  readonly title: string;
  readonly tone?: 'calm' | 'trouble';
  readonly children?: ComponentChildren;
}

export function Notice({ title, tone = 'calm', children }: NoticeProps) {
  return (
    <div class={`notice notice-${tone}`} role={tone === 'trouble' ? 'alert' : 'status'}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Grey lines in the place of rows that are on their way. */
export function Skeleton({ rows }: { readonly rows: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} class="skeleton-row" />
      ))}
    </div>
  );
}
