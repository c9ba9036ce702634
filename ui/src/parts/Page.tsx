import type { ReactNode } from "react";
import { useEffect } from "react";

interface PageProps {
  title: string;
  detail?: ReactNode;
  actions?: ReactNode;
  /** A page that fills the window and scrolls inside its own parts. */
  fill?: boolean;
  children: ReactNode;
}

export function Page({ title, detail, actions, fill = false, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Haechi`;
  }, [title]);
  return (
    <div className="hc-page" data-fill={fill || undefined}>
      <div className="hc-page-head">
        <h1>{title}</h1>
        {detail !== undefined && <div className="hc-page-detail">{detail}</div>}
        {actions !== undefined && <div className="hc-page-actions">{actions}</div>}
      </div>
      <div className="hc-page-body">{children}</div>
    </div>
  );
}
