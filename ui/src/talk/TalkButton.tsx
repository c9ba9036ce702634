import { IconMicrophone, IconMicrophoneOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { shortcutsEnabled } from "@/app/shortcuts";
import { duck } from "@/parts/sound";
import { holdToTalk } from "./hold";
import { LevelMeter } from "./level";
import { openLine } from "./line";
import { openMicrophone } from "./microphone";
import { isShown, isThere, maySpeak, talkQuery } from "./standing";
import "./talk.css";
import { IDLE, type Phase, Talker, type TalkState } from "./talker";

/** The camera hears itself, and we hear that some time later: so long its sound stays off after we have spoken. */
const ECHO_MS = 1_000;
let echo: ReturnType<typeof setTimeout> | undefined;

const FAULTS = [
  "insecure",
  "denied",
  "none",
  "busy",
  "camera-spoken-to",
  "camera-offline",
  "no-back-channel",
  "back-channel-codec",
  "may-not-speak",
  "talk-too-long",
  "speech-cut",
  "session-ended",
  "server-unreachable",
] as const;

type Fault = (typeof FAULTS)[number];
const isKnown = (code: string): code is Fault => (FAULTS as readonly string[]).includes(code);

/** Push to talk: there where the camera has a loudspeaker and one may use it. */
export function TalkButton({ camera }: { camera: Camera }) {
  const user = useQuery(sessionQuery).data?.user;
  const standing = useQuery({ ...talkQuery(camera.id), enabled: maySpeak(user) && isThere(camera) }).data;
  if (!maySpeak(user) || !isThere(camera) || standing === undefined || !isShown(standing)) return null;
  return <Talk camera={camera} why={standing.why ?? ""} />;
}

function Talk({ camera, why }: { camera: Camera; why: string }) {
  const { t } = useTranslation();
  const button = useRef<HTMLButtonElement>(null);
  const meter = useRef<HTMLSpanElement>(null);
  const [state, setState] = useState<TalkState>(IDLE);
  const isOff = why !== "";
  const meterLabel = t("talk.level");

  useEffect(() => {
    if (button.current === null || meter.current === null || isOff) return;
    const level = new LevelMeter(meter.current, meterLabel);
    const talker = new Talker(
      { microphone: openMicrophone, line: (events) => openLine(camera.id, events) },
      {
        state: (next) => {
          if (next.phase !== "speaking") level.reset();
          setState(next);
        },
        heard: (rms) => level.heard(rms),
      },
    );
    const letGo = holdToTalk(button.current, {
      press: () => talker.press(),
      release: () => talker.release(),
      key: "t",
      keysOn: shortcutsEnabled,
    });
    return () => {
      letGo();
      talker.close();
      level.reset();
    };
  }, [camera.id, isOff, meterLabel]);
  useDucking(state.phase);

  const fault = isOff ? why : state.fault;
  const words = isKnown(fault)
    ? t(`talk.fault_${fault}`, { who: state.who, name: camera.name })
    : t("talk.fault_other", { message: state.message || fault });
  const Icon = isOff ? IconMicrophoneOff : IconMicrophone;
  return (
    <span className="hc-talk" data-phase={state.phase}>
      <button
        ref={button}
        type="button"
        className="hc-talk-button"
        aria-pressed={state.phase === "speaking"}
        aria-disabled={isOff}
        aria-describedby={`talk-${camera.id}`}
        title={isOff ? words : t("talk.hint")}
        data-talk={state.phase}
      >
        <Icon size={16} stroke={1.7} aria-hidden />
        <span>{t(`talk.phase_${state.phase}`)}</span>
      </button>
      {/* Not in the button: what is in one is not told to those who hear the page. */}
      <span ref={meter} className="hc-talk-level" aria-hidden={state.phase !== "speaking"} />
      <span className="hc-talk-words" id={`talk-${camera.id}`} role="status" data-fault={fault || undefined}>
        {fault !== "" ? words : says(state)}
      </span>
    </span>
  );

  function says(now: TalkState): string {
    if (now.phase === "speaking") return t("talk.others");
    return now.allowed ? t("talk.hold") : "";
  }
}

/** While one speaks, the camera is not heard: its loudspeaker would come back through its microphone. */
function useDucking(phase: Phase): void {
  const isOn = phase === "speaking" || phase === "ending";
  useEffect(() => {
    if (!isOn) return;
    clearTimeout(echo);
    duck(true);
    return () => {
      clearTimeout(echo);
      echo = setTimeout(() => duck(false), ECHO_MS);
    };
  }, [isOn]);
}
