import type { ReactNode } from "react";
import { LanguageSelect } from "@/parts/LanguageSelect";
import { Logo } from "@/parts/Logo";

/** The frame of the two pages before the log-in. */
export function Entry({ title, hint, children }: { title: string; hint: string; children: ReactNode }) {
  return (
    <main className="hc-entry">
      <div className="hc-entry-card">
        <div className="hc-entry-brand">
          <Logo size={44} />
          <span>Haechi</span>
        </div>
        <h1>{title}</h1>
        <p>{hint}</p>
        {children}
      </div>
      <LanguageSelect variant="quiet" />
    </main>
  );
}
