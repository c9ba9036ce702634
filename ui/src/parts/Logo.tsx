/** The haechi's head: mane, brows, muzzle. Our own drawing. */
export function Logo({ size }: { size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="hc-logo">
      <path
        d="M16 2.6 13.8 8.2 7.8 6.2 6.4 13 3.6 15 6.6 23.2 12.2 28.6 16 30 19.8 28.6 25.4 23.2 28.4 15 25.6 13 24.2 6.2 18.2 8.2Z"
        fill="currentColor"
      />
      <path
        d="M9 14.2 14 16.2 13.1 18.8 9.4 17.5ZM23 14.2 18 16.2 18.9 18.8 22.6 17.5Z"
        fill="var(--hc-logo-ink)"
      />
      <path d="M12 23.8 16 20.9 20 23.8 16 26.3Z" fill="var(--hc-logo-ink)" />
    </svg>
  );
}
