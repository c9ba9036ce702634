import { Button, Loader, TextInput, UnstyledButton } from "@mantine/core";
import { IconChevronRight, IconDeviceCctv, IconRadar2, IconRefresh } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, requestLines } from "@/api/client";
import type { Fault } from "@/api/types";
import { faultAdvice, faultText } from "@/parts/names";
import { type Chosen, DeviceStreams } from "./DeviceStreams";
import "./onvif.css";
import type { DiscoverLine, FoundCamera } from "./types";

const SECONDS = 5;

type Search =
  | { state: "idle" }
  | { state: "searching" | "done"; found: FoundCamera[] }
  | { state: "failed"; found: FoundCamera[]; fault: Fault };

const faultOf = (error: unknown): Fault =>
  error instanceof ApiError
    ? { code: error.code, message: error.message }
    : { code: "server-unreachable", message: String(error) };

/** Cameras that say who they are: looked for in the network, or asked by their address. */
export function FindCameras({ choose }: { choose: (chosen: Chosen) => void }) {
  const { t } = useTranslation();
  const [search, setSearch] = useState<Search>({ state: "idle" });
  const [asked, setAsked] = useState<{ url: string; title: string } | null>(null);
  const [typed, setTyped] = useState("");
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const look = async (): Promise<void> => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    const found: FoundCamera[] = [];
    setSearch({ state: "searching", found });
    try {
      const body = { seconds: SECONDS };
      for await (const line of requestLines<DiscoverLine>("/api/cameras/discover", body, abort.signal)) {
        if (line.type === "failed") throw new ApiError(0, line.code, line.message, null);
        if (line.type === "found") {
          found.push(line);
          setSearch({ state: "searching", found: [...found] });
        }
      }
      setSearch({ state: "done", found: [...found] });
    } catch (error) {
      if (!abort.signal.aborted) setSearch({ state: "failed", found: [...found], fault: faultOf(error) });
    }
  };

  if (asked !== null) {
    return <DeviceStreams asked={asked} back={() => setAsked(null)} choose={choose} />;
  }
  if (search.state === "idle") {
    return (
      <section className="hc-find hc-find-begin" aria-label={t("onvif.find")}>
        <span className="hc-find-icon">
          <IconRadar2 size={22} stroke={1.6} aria-hidden />
        </span>
        <div>
          <strong>{t("onvif.find")}</strong>
          <p className="hc-dim">{t("onvif.findHint")}</p>
        </div>
        <Button variant="light" onClick={() => void look()}>
          {t("onvif.search")}
        </Button>
      </section>
    );
  }
  const searching = search.state === "searching";
  return (
    <section className="hc-find" aria-label={t("onvif.find")} aria-busy={searching}>
      <header>
        <strong aria-live="polite">
          {searching ? t("onvif.searching") : t("onvif.found", { count: search.found.length })}
        </strong>
        {searching ? (
          <Loader size={18} />
        ) : (
          <Button
            size="compact-sm"
            variant="subtle"
            leftSection={<IconRefresh size={15} />}
            onClick={() => void look()}
          >
            {t("onvif.searchAgain")}
          </Button>
        )}
      </header>
      {search.found.length > 0 && (
        <ul className="hc-found">
          {search.found.map((one) => (
            <FoundRow
              key={`${one.url} ${one.name}`}
              found={one}
              ask={() => setAsked({ url: one.url, title: one.name || one.model || one.host })}
            />
          ))}
        </ul>
      )}
      {search.state === "done" && search.found.length === 0 && <p className="hc-dim">{t("onvif.nobody")}</p>}
      {search.state === "failed" && (
        <div role="alert">
          <strong className="hc-bad-text">{faultText(search.fault.code, search.fault.message)}</strong>
          <p className="hc-dim">{faultAdvice(search.fault.code)}</p>
        </div>
      )}
      {!searching && (
        <form
          className="hc-find-ask"
          onSubmit={(event) => {
            event.preventDefault();
            event.stopPropagation();
            if (typed.trim() !== "") setAsked({ url: typed.trim(), title: typed.trim() });
          }}
        >
          <TextInput
            size="sm"
            label={t("onvif.ask")}
            placeholder="192.168.1.20"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            inputMode="url"
            classNames={{ input: "hc-mono" }}
          />
          <Button size="sm" type="submit" variant="default" disabled={typed.trim() === ""}>
            {t("onvif.askButton")}
          </Button>
        </form>
      )}
    </section>
  );
}

function FoundRow({ found, ask }: { found: FoundCamera; ask: () => void }) {
  const { t } = useTranslation();
  const title = found.name || found.model || found.host;
  const facts = [found.model === title ? "" : found.model, found.host, found.location].filter(Boolean);
  const text = (
    <>
      <IconDeviceCctv size={20} stroke={1.5} aria-hidden />
      <span className="hc-found-name">
        <strong>{title}</strong>
        <span className="hc-dim">{facts.join(" · ")}</span>
      </span>
    </>
  );
  return (
    <li>
      {found.camera === null ? (
        <UnstyledButton className="hc-found-row" onClick={ask}>
          {text}
          <IconChevronRight size={18} aria-hidden />
        </UnstyledButton>
      ) : (
        <div className="hc-found-row" data-added>
          {text}
          <Link to="/live/$cameraId" params={{ cameraId: found.camera }}>
            {t("onvif.added")}
          </Link>
        </div>
      )}
    </li>
  );
}
