import { Loader } from "@mantine/core";
import { IconCircleCheckFilled, IconCircleDashed, IconCircleXFilled } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Fault, HopName, ProbeReport } from "@/api/types";
import { faultAdvice, faultText, hopName } from "@/parts/names";
import { hopsOf } from "./addressKind";

interface ProbeProps {
  report: ProbeReport | undefined;
  pending: boolean;
  /** What is tried: it tells which hops are to be expected. */
  url: string;
}

/** The way to the camera, hop by hop, and the picture at its end. */
export function Probe({ report, pending, url }: ProbeProps) {
  const { t } = useTranslation();
  const expected: readonly HopName[] = hopsOf(url);
  if (report === undefined && !pending) return null;
  const hops = report?.hops ?? [];
  const reached = new Set(hops.map((hop) => hop.hop));
  const rest = report?.ok === true ? [] : expected.filter((name) => !reached.has(name));
  return (
    <section className="hc-probe" aria-label={t("probe.title")} aria-busy={pending} aria-live="polite">
      <ol>
        {!pending &&
          hops.map((hop) => (
            <li key={hop.hop} data-ok={hop.ok}>
              {hop.ok ? (
                <IconCircleCheckFilled size={18} aria-label={t("probe.ok")} />
              ) : (
                <IconCircleXFilled size={18} aria-label={t("probe.failed")} />
              )}
              <span>{hopName(hop.hop)}</span>
              <span className="hc-dim">{hop.detail}</span>
              <span className="hc-num hc-dim">{Math.round(hop.ms)} ms</span>
            </li>
          ))}
        {(pending ? expected : rest).map((name, index) => (
          <li key={name} data-ok="later">
            {pending && index === 0 ? <Loader size={18} /> : <IconCircleDashed size={18} aria-hidden />}
            <span>{hopName(name)}</span>
            <span />
            <span />
          </li>
        ))}
      </ol>
      {!pending &&
        report !== undefined &&
        (report.ok ? <Found report={report} /> : <Broken fault={report.error} />)}
    </section>
  );
}

function Found({ report }: { report: ProbeReport }) {
  const { t } = useTranslation();
  return (
    <figure className="hc-probe-still">
      {report.still !== null && <img src={`data:image/jpeg;base64,${report.still}`} alt={t("probe.still")} />}
      <figcaption>
        {[
          report.codec?.toUpperCase(),
          report.width === null ? null : `${report.width}×${report.height}`,
          report.audio_codec?.toUpperCase() ?? t("probe.noAudio"),
        ]
          .filter(Boolean)
          .join(" · ")}
      </figcaption>
    </figure>
  );
}

function Broken({ fault }: { fault: Fault | null }) {
  const code = fault?.code ?? "unknown";
  return (
    <div className="hc-probe-fault" role="alert">
      <strong>{faultText(code, fault?.message ?? "")}</strong>
      <p>{faultAdvice(code)}</p>
      <code>{code}</code>
      {fault !== null && fault.message !== "" && <small>{fault.message}</small>}
    </div>
  );
}
