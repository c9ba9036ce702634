import { Loader } from "@mantine/core";
import {
  IconCameraOff,
  IconDeviceMobile,
  IconLock,
  IconPlayerPause,
  IconPlugConnectedX,
  IconSnowflake,
} from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { socketUrl } from "@/api/client";
import { push } from "@/api/push";
import type { Camera, Zone } from "@/api/types";
import { useClock } from "@/app/site";
import { ALL_DRAWN, BoxLayer, type Drawn } from "@/player/boxlayer";
import { LiveConnection } from "@/player/connection";
import type { Rung } from "@/player/engine";
import { LadderPlayer } from "@/player/ladder";
import { LiveDetections } from "@/player/overlay";
import type { Choice } from "@/player/rungs";
import { SoundPlayer, type SoundState } from "@/player/sound";
import {
  type TileCallbacks,
  TilePlayer,
  type TileStats,
  type TileStatus,
  type TileWish,
} from "@/player/tile";
import type { WallCanvas } from "@/player/wallcanvas";
import { faultAdvice, faultText, labelName } from "./names";
import { SoundButton } from "./SoundButton";
import { hasSound, useSound } from "./sound";
import { type Face, faceOf } from "./tileface";

const POSTER_AFTER_MS = 1_500;

let shared: LiveConnection | null = null;

/** The page's one live connection. */
function connection(): LiveConnection {
  shared ??= new LiveConnection(socketUrl("/api/live"));
  return shared;
}

interface LiveTileProps {
  camera: Camera;
  zones?: readonly Zone[];
  boxes?: boolean;
  drawn?: Drawn;
  showName?: boolean;
  onStats?: (stats: TileStats) => void;
  onFace?: (face: Face) => void;
  /** The way in which the picture comes; without it, as on the wall: MSE, or stills where that plays nothing. */
  choice?: Choice;
  /** On a wall: how much of it is wanted; null: nothing, it is out of sight. */
  wish?: TileWish | null;
  onRung?: (rung: Rung) => void;
  /** Paints small pictures of all tiles of a wall; undefined: it is not known yet whether there is one. */
  painter?: WallCanvas | null | undefined;
}

const NO_ZONES: readonly Zone[] = [];

let unseen: HTMLVideoElement | null = null;

/** Stands for the element that a painted tile does not have. Nothing is ever played in it. */
function noVideo(): HTMLVideoElement {
  unseen ??= document.createElement("video");
  return unseen;
}

/** One live picture with its state. `data-state`, `data-seq` and `data-captured-ns` tell what is on screen. */
export function LiveTile({
  camera,
  zones = NO_ZONES,
  boxes = false,
  drawn = ALL_DRAWN,
  showName = true,
  onStats,
  onFace,
  choice,
  wish = "main",
  onRung,
  ...rest
}: LiveTileProps) {
  const painter = "painter" in rest ? rest.painter : null;
  const root = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLImageElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const audio = useRef<HTMLAudioElement>(null);
  const overlay = useRef<SVGSVGElement>(null);
  const layer = useRef<BoxLayer | null>(null);
  /** For a layer that comes later: it comes and goes with the player. */
  const latest = useRef({ zones, drawn });
  const player = useRef<TilePlayer | LadderPlayer | null>(null);
  const detections = useRef<LiveDetections | null>(null);
  const [own, setOwn] = useState<boolean | null>(null);
  const ownSound = own === true;
  const sound = useSound();
  const heard = hasSound(camera) && sound.camera === camera.id;
  // What WebRTC does not carry (AAC) is heard in step with the picture where both come by MSE.
  const [silent, setSilent] = useState(false);
  const way = choice === "auto" && heard && silent ? "mse" : choice;
  const [tile, setTile] = useState<TileStatus | null>(null);
  const told = useRef(onRung);
  const [poster, setPoster] = useState<"later" | "wanted" | "done">("later");
  // Of a phone that is watched peer to peer nothing comes from the server.
  const enabled = camera.enabled && camera.status.state !== "disabled" && camera.status.state !== "peer";
  // Nothing of it is in a media element: a hundred of those are most of what opening a wall costs.
  const painted = painter !== null && wish !== "main";
  const wanted = enabled && wish !== null && painter !== undefined;

  useEffect(() => {
    const parts = {
      root: root.current!,
      video: video.current ?? noVideo(),
      still: still.current!,
      canvas: canvas.current!,
      wall: painter ?? null,
    };
    const boxLayer = new BoxLayer(overlay.current!);
    layer.current = boxLayer;
    boxLayer.showZones(latest.current.zones);
    boxLayer.draw(latest.current.drawn);
    const resize = (): void => boxLayer.size(parts.video.videoWidth, parts.video.videoHeight);
    parts.video.addEventListener("resize", resize);
    if (!wanted) {
      setTile(null);
      return () => parts.video.removeEventListener("resize", resize);
    }
    const callbacks: TileCallbacks = {
      status: setTile,
      frame: (unit) => {
        if (detections.current !== null) boxLayer.show(detections.current.at(unit.capturedNs));
      },
      sized: (width, height) => boxLayer.size(width, height),
    };
    const climbing = {
      ...callbacks,
      rung: (rung: Rung) => told.current?.(rung),
      sound: (next: boolean | null) => {
        setOwn(next);
        if (next === false) setSilent(true);
      },
      unknown: () => boxLayer.show(null),
    };
    const made =
      way === undefined
        ? new TilePlayer(camera.id, parts, connection(), callbacks, wish ?? "main")
        : new LadderPlayer(camera.id, parts, connection(), climbing, way);
    player.current = made;
    made.start();
    return () => {
      parts.video.removeEventListener("resize", resize);
      made.close();
      boxLayer.show(null);
      player.current = null;
    };
  }, [camera.id, wanted, way, wish, painter]);

  useEffect(() => {
    told.current = onRung;
  }, [onRung]);
  // Beside the player: boxes come and go without a new connection.
  useEffect(() => {
    if (!boxes || !enabled) return;
    const found = new LiveDetections();
    detections.current = found;
    const stop = push.watch(camera.id, (ns, rows) =>
      found.add(
        ns,
        rows.map((row) => ({ ...row, label: labelName(row.label) })),
      ),
    );
    return () => {
      stop();
      detections.current = null;
      layer.current?.show(null);
    };
  }, [camera.id, enabled, boxes]);

  const [soundState, setSoundState] = useState<SoundState>("connecting");
  useEffect(() => {
    if (!heard) return;
    if (ownSound) {
      const picture = video.current!;
      picture.muted = false;
      setSoundState("on");
      return () => {
        picture.muted = true;
      };
    }
    const made = new SoundPlayer(camera.id, audio.current!, connection(), {
      state: setSoundState,
      picture: () => player.current?.shownAt() ?? null,
    });
    made.start();
    return () => made.close();
  }, [camera.id, heard, ownSound]);
  useEffect(() => {
    if (audio.current !== null) {
      audio.current.volume = sound.volume;
      audio.current.muted = sound.ducked;
    }
    if (video.current !== null) {
      video.current.volume = sound.volume;
      video.current.muted = sound.ducked || !heard || !ownSound;
    }
  }, [sound.volume, sound.ducked, heard, ownSound]);

  useEffect(() => {
    latest.current = { zones, drawn };
    layer.current?.showZones(zones);
    layer.current?.draw(drawn);
  }, [zones, drawn]);
  useEffect(() => {
    if (onStats === undefined) return;
    const timer = setInterval(() => {
      if (player.current !== null) onStats(player.current.stats());
    }, 500);
    return () => clearInterval(timer);
  }, [onStats]);

  const face = faceOf(camera, tile);
  const { kind } = face;
  useEffect(() => {
    if (kind === "live") setPoster("done");
  }, [kind]);
  // A still costs the server a decoder's time: only when the living picture is late.
  useEffect(() => {
    const timer = setTimeout(() => setPoster((now) => (now === "later" ? "wanted" : now)), POSTER_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => onFace?.(face));

  return (
    <div ref={root} className="hc-tile" data-state={kind} data-camera={camera.id}>
      {!painted && (
        <video
          ref={video}
          muted
          playsInline
          autoPlay
          disablePictureInPicture
          tabIndex={-1}
          aria-label={camera.name}
        />
      )}
      <canvas ref={canvas} className="hc-tile-pictures" hidden aria-hidden="true" />
      <img
        ref={still}
        className="hc-tile-still"
        alt=""
        hidden={kind !== "stills" || (wish !== "main" && face.code === "")}
      />
      {poster === "wanted" && enabled && wish === "main" && kind !== "stills" && (
        <img
          className="hc-tile-poster"
          src={`/api/cameras/${camera.id}/latest.jpg?width=640`}
          alt=""
          onError={() => setPoster("done")}
        />
      )}
      <svg ref={overlay} className="hc-overlay" aria-hidden="true" />
      <TileVeil face={face} />
      {(!painted || heard) && <audio ref={audio} hidden />}
      <SoundButton camera={camera} heard={heard} state={soundState} />
      {showName && (
        <div className="hc-tile-caption">
          <i data-state={kind} aria-hidden />
          <span>{camera.name}</span>
          <TileBadge face={face} isMade={tile?.isMade === true} />
        </div>
      )}
    </div>
  );
}

function TileBadge({ face, isMade }: { face: Face; isMade: boolean }) {
  const { t } = useTranslation();
  if (face.kind === "live" && isMade) return <em title={t("tile.madeNote")}>{t("tile.made")}</em>;
  if (face.kind === "stills") return <em>{t("tile.stills")}</em>;
  return null;
}

const ICONS = {
  offline: IconPlugConnectedX,
  waiting: IconPlugConnectedX,
  peer: IconDeviceMobile,
  failed: IconPlugConnectedX,
  denied: IconLock,
  disabled: IconPlayerPause,
  frozen: IconSnowflake,
} as const;

/** Says over the picture why it does not move; nothing while it does. */
function TileVeil({ face }: { face: Face }) {
  const { t } = useTranslation();
  const clock = useClock();
  if (face.kind === "live") return null;
  if (face.kind === "stills") {
    return face.code === "codec-not-playable" ? (
      <div className="hc-tile-note">{t("tile.codecNote")}</div>
    ) : null;
  }
  const Icon = face.kind === "connecting" ? null : (ICONS[face.kind] ?? IconCameraOff);
  const title = {
    connecting: face.attempt > 0 ? t("tile.connectingN", { count: face.attempt }) : t("tile.connecting"),
    offline: t("tile.offlineSince", { time: clock.timeMinutes(face.sinceMs) }),
    waiting: t("tile.waitingSince", { time: clock.timeMinutes(face.sinceMs) }),
    peer: t("tile.peer"),
    disabled: t("state.disabled"),
    frozen: t("tile.frozenSince", { time: clock.time(face.sinceMs) }),
    failed: t("tile.failed"),
    denied: t("tile.denied"),
  }[face.kind];
  const isSaid = face.code === "" || face.code === face.kind || face.kind === "disabled";
  const fault = isSaid ? "" : faultText(face.code, face.message);
  return (
    <div className="hc-veil" data-kind={face.kind}>
      {Icon === null ? (
        <Loader size="sm" color="gray" aria-hidden />
      ) : (
        <Icon size={26} stroke={1.4} aria-hidden />
      )}
      <strong>{title}</strong>
      {fault !== "" && (
        <span title={faultAdvice(face.code)}>
          {fault} <code>{face.code}</code>
        </span>
      )}
    </div>
  );
}
