import type { CSSProperties } from "react";
import type { Camera } from "@/api/types";
import { LiveTile } from "@/parts/LiveTile";
import type { Player, PlayerView } from "@/playback/player";
import { LanePicture } from "./LanePicture";

interface PicturesProps {
  cameras: Camera[];
  focus: string;
  /** One large picture and the others beside it, instead of a grid of equals. */
  large: boolean;
  live: boolean;
  player: Player | null;
  view: PlayerView | null;
  scrub: number | null;
  choose: (camera: string) => void;
  enlarge: (camera: string) => void;
  seek: (ms: number) => void;
  goLive: () => void;
}

const columnsFor = (count: number): number => (count <= 1 ? 1 : count <= 4 ? 2 : count <= 9 ? 3 : 4);

export function Pictures(props: PicturesProps) {
  const { cameras, focus, live, player, view, seek } = props;
  const alone = cameras.length === 1;
  const large = props.large && !alone;
  const columns = columnsFor(cameras.length);
  const beside = cameras.length > 9 ? 2 : 1;
  const style = {
    "--columns": columns,
    "--rows": Math.ceil(cameras.length / columns),
    "--beside": beside,
    "--others": Math.ceil((cameras.length - 1) / beside),
  } as CSSProperties;
  return (
    <div
      className="hc-stage hc-pictures"
      data-count={cameras.length}
      data-large={large || undefined}
      style={style}
    >
      {cameras.map((camera) =>
        live ? (
          <div
            key={camera.id}
            className="hc-lane"
            data-camera={camera.id}
            data-focus={(camera.id === focus && !alone) || undefined}
          >
            <LiveTile camera={camera} showName={!alone} />
          </div>
        ) : (
          <LanePicture
            key={camera.id}
            camera={camera}
            player={player}
            face={view?.lanes.get(camera.id) ?? null}
            scrub={props.scrub}
            at={view?.time_ms ?? null}
            focus={camera.id === focus}
            alone={alone}
            choose={() => props.choose(camera.id)}
            enlarge={() => props.enlarge(camera.id)}
            skipTo={seek}
            goLive={props.goLive}
            retry={() => seek(view?.time_ms ?? Date.now())}
          />
        ),
      )}
    </div>
  );
}
