import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Recognised } from "./addressKind";

/** What was typed, or what can be: an example of each kind, and what it needs. */
export function AddressKind({ found, url }: { found: Recognised; url: string }) {
  const { t } = useTranslation();
  return (
    <div className="hc-address-kind" aria-live="polite">
      {found.kind === "empty" && (
        <dl className="hc-address-examples">
          {(["rtsp", "mjpeg", "hls", "rtmp"] as const).map((kind) => (
            <div key={kind} style={{ display: "contents" }}>
              <dt>{t(`address.${kind}`)}</dt>
              <dd>
                <code>{t(`address.${kind}Example`)}</code>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {(found.kind === "rtsp" || found.kind === "http" || found.kind === "rtmp") && (
        <p className="hc-dim">{t(`address.${found.kind}Needs`)}</p>
      )}
      {found.kind === "unknown" && (
        <p className="hc-bad-text">{t(found.scheme === "srt" ? "address.srt" : "address.unknown", found)}</p>
      )}
      {found.kind === "site" && (
        <p>
          {t("address.site")}{" "}
          <Link to="/cameras/new" search={{ way: "site", url }} className="hc-link">
            {t("address.siteGo")}
          </Link>
        </p>
      )}
    </div>
  );
}
