import type { Camera } from "@/api/types";
import { useShortcuts } from "@/app/shortcuts";
import { CameraFrame, useSteps } from "@/screens/camera/CameraFrame";
import { PhoneViewBox } from "./PhoneViewBox";

/** The page of one camera that is a phone: its picture comes from the phone itself. */
export function PhonePage({ camera, all }: { camera: Camera; all: Camera[] }) {
  const { step, leave } = useSteps(camera, all);
  useShortcuts({ ArrowLeft: () => step(-1), ArrowRight: () => step(1), Escape: leave });
  return (
    <CameraFrame camera={camera} all={all}>
      <PhoneViewBox camera={camera} />
    </CameraFrame>
  );
}
