"""Ties a 3D pane to what all panes share: volume, cursor planes, regions, paths; with its menus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QMenu

from planner.imaging import LabelMap
from viewers.panes.desk import Desk
from viewers.panes.pane_frame import HeaderButton, PaneFrame
from viewers.panes.vessel_picking import VesselPicking
from viewers.panes.volume_pane import VolumePane
from viewers.scene.lumen_scene3d import LumenMeshes, camera_on_lumen
from viewers.scene.margin_scene3d import camera_on_margin, meshes_of_margins, painted_region
from viewers.scene.run_ct_scene3d import tubes_of_rays
from viewers.scene.scene_content import plane_picture, surfaces_of, surfaces_of_regions, tubes_of_marks
from viewers.scene.slice_text import who_lines
from viewers.scene.vessel_scene3d import VesselMeshes, camera_on_vessels, surfaces_of_vessels
from viewers.scene.volume_transfer import preset_for, presets
from viewers.state.layouts import PaneSpec
from viewers.state.scene3d import STANDARD_VIEWS, Camera, Scene3D
from viewers.state.signals import Subscriptions
from viewers.state.view_state import PLANE_KINDS, PlaneKind

HIDDEN = "hidden"
MOVING_MS = 120
"""Between two scenes while zones are dragged: building one costs more than the margin does."""


class VolumeLink:
    """Builds the scene of one 3D pane from the shared state, whenever something in it changes.

    Attributes
    ----------
    planes_shown
        The MPR planes on show in 3D.
    clip_by
        Everything in front of this plane is cut away; None cuts nothing.
    """

    def __init__(self, spec: PaneSpec, pane: VolumePane, desk: Desk) -> None:
        self.spec, self.pane, self.desk = spec, pane, desk
        self.planes_shown: frozenset[PlaneKind] = frozenset()
        self.clip_by: PlaneKind | None = None
        self.preset: str | None = None
        self._painted: str | None = None
        self._trees = 0
        self._lumens = 0
        self.picking = pane.picking = VesselPicking(pane, desk, self._frame_uid)
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.refresh)
        self.vessels = VesselMeshes(desk.state.vessels)
        self.lumens = LumenMeshes(desk.state.lumens)
        state, marks = desk.state, desk.marks
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            state.images.changed.connect(self.refresh),
            state.cursor_changed.connect(self._frame_changed),
            state.planes_changed.connect(self._frame_changed),
            state.window_changed.connect(self._frame_changed),
            state.hidden_ids.changed.connect(self._items_changed),
            marks.marks.changed.connect(self._items_changed),
            state.run_ct.rays.changed.connect(self._items_changed),
            marks.layer.changed.connect(self.refresh),
            state.margins.zones.changed.connect(self._margins_changed),
            state.margins.shown.changed.connect(self._margins_changed),
            *(
                each.changed.connect(self._margins_changed)
                for each in (
                    state.vessels.trees,
                    state.vessels.chosen,
                    state.vessels.way,
                    state.vessels.supply,
                    state.vessels.injection,
                    state.vessels.tips,
                    state.lumens.lumens,
                    state.lumens.stents,
                    state.lumens.held_stent,
                    state.lumens.on_show,
                )
            ),
            state.interacting.changed.connect(self._rested),
            state.vessels.pointed.changed.connect(self._pointed),
            state.lumens.along_mm.changed.connect(self._pointed),
        )
        pane.preset_picked.connect(self._keep_preset)
        self.refresh()

    def release(self) -> None:
        self._soon.stop()
        self.picking.let_go()
        self._subscriptions.release()

    def refresh(self) -> None:
        """Build the scene anew and hand it to the pane."""
        state = self.desk.state
        images = state.images
        key = images.key_for(self.spec.role)
        if key is None:
            self.pane.show_scene(Scene3D())
            return
        volume = images.volumes[key]
        frame_uid = volume.grid.frame_uid
        hidden = self.desk.state.hidden_ids.value
        layer = self.desk.marks.layer
        # A target whose margin is on show is drawn as the painted surface alone.
        painted = painted_region(self.desk.state.margins, frame_uid)
        shown_maps = [shown_labels(name, labels, hidden) for name, labels in layer.label_maps.items()]
        marks = [mark for mark in self.desk.marks.marks.value if mark.id not in hidden]
        camera = self._turn_to(painted) or self._turn_to_vessels(frame_uid) or self._turn_to_lumen(frame_uid)
        preset = self.preset if self.preset is not None else preset_for(volume, None).id
        scene = Scene3D(
            volume=volume,
            preset=None if preset == HIDDEN else preset,
            surfaces=surfaces_of_regions(
                (
                    region
                    for region in layer.regions.values()
                    if region.mask.grid.frame_uid == frame_uid and region.id != painted
                ),
                hidden,
            )
            + surfaces_of_vessels(state.vessels, frame_uid, moving=state.interacting.value)
            + surfaces_of([labels for labels in shown_maps if labels.grid.frame_uid == frame_uid]),
            tubes=tubes_of_marks(marks, frame_uid) + tubes_of_rays(self.desk.state.run_ct, volume.grid),
            meshes=meshes_of_margins(self.desk.state.margins, frame_uid)
            + self.vessels.meshes(frame_uid, hidden)
            + self.lumens.meshes(frame_uid, hidden),
            planes=tuple(
                plane_picture(volume, kind, self.desk.state.plane(frame_uid, kind), self.desk.state.window(key).window)
                for kind in PLANE_KINDS
                if kind in self.planes_shown
            ),
            clip=None if self.clip_by is None else self.desk.state.plane(frame_uid, self.clip_by),
            camera=camera,
        )
        self.pane.show_scene(scene, caption=who_lines(volume)[:2])

    def _turn_to(self, painted: str | None) -> Camera | None:
        """When the margin of another target comes on show, the volume gives way and the eye goes to the target; None
        leaves the camera where it is."""
        before, self._painted = self._painted, painted
        if painted == before:
            return None
        if painted is None:
            self.preset = None if self.preset == HIDDEN else self.preset
            return None
        self.preset = HIDDEN
        return camera_on_margin(self.desk.state.margins)

    def _turn_to_vessels(self, frame_uid: str) -> Camera | None:
        """When the first tree of a session comes on show, the eye goes to it and the volume gives way."""
        before, self._trees = self._trees, len(self.desk.state.vessels.in_frame(frame_uid))
        if before and not self._trees and self.preset == HIDDEN:
            self.preset = None
        if not self._trees or before:
            return None
        self.preset = HIDDEN
        return camera_on_vessels(self.desk.state.vessels, frame_uid)

    def _turn_to_lumen(self, frame_uid: str) -> Camera | None:
        """When the first lumen of a session comes on show, the eye goes to it and the volume gives way."""
        before, self._lumens = self._lumens, len(self.desk.state.lumens.in_frame(frame_uid))
        if before and not self._lumens and self.preset == HIDDEN:
            self.preset = None
        if not self._lumens or before:
            return None
        self.preset = HIDDEN
        return camera_on_lumen(self.desk.state.lumens, frame_uid)

    def _frame_changed(self, key: str) -> None:
        del key
        if self.planes_shown or self.clip_by is not None:
            self.refresh()

    def _items_changed(self, value: object) -> None:
        del value
        self.refresh()

    def _margins_changed(self, value: object) -> None:
        """Zones and margin change together, and many times a second under the hand: one scene for several of them."""
        del value
        if not self._soon.isActive():
            self._soon.start(MOVING_MS if self.desk.state.interacting.value else 0)

    def _rested(self, interacting: bool) -> None:
        """What was drawn of fewer voxels under the hand is drawn whole."""
        if not interacting and self.desk.state.vessels.injection.value is not None:
            self._margins_changed(None)

    def _pointed(self, place: object) -> None:
        """Under the pointer, while no volume has to be cast anew for it."""
        if self.pane.scene.preset is None:
            self._margins_changed(place)

    def _frame_uid(self) -> str | None:
        volume = self.pane.scene.volume
        return None if volume is None else volume.grid.frame_uid

    def show_plane(self, kind: PlaneKind, shown: bool) -> None:
        self.planes_shown = self.planes_shown | {kind} if shown else self.planes_shown - {kind}
        self.refresh()

    def clip(self, kind: PlaneKind | None) -> None:
        self.clip_by = kind
        self.refresh()

    def _keep_preset(self, preset: str | None) -> None:
        """The pane's own key has changed it: the next scene is built with it."""
        self.preset = HIDDEN if preset is None else preset

    def use_preset(self, preset: str) -> None:
        """A key of ``resources/render_presets.toml``, or ``hidden``."""
        self.preset = preset
        self.refresh()


def shown_labels(key: str, labels: LabelMap, hidden: frozenset[str]) -> LabelMap:
    """A label map with only those labels that are on show: hidden by ``key`` as a whole or by ``key/value``."""
    kept = {value: each for value, each in labels.labels.items() if not {key, f"{key}/{value}"} & hidden}
    return labels if len(kept) == len(labels.labels) else replace(labels, labels=kept)


class VolumeHeader:
    """Menus of a 3D pane: preset, view, planes, clip."""

    def __init__(self, pane: VolumePane, link: VolumeLink) -> None:
        self.pane, self.link = pane, link
        self.preset = self._menu("Preset", "Colours and opacity of the volume", self._fill_presets)
        self.view = self._menu("View", "Standard views (keys 1-6)", self._fill_views)
        self.planes = self._menu("Planes", "MPR planes shown in 3D", self._fill_planes)
        self.clip = self._menu("Clip", "Cut away what lies in front of a plane", self._fill_clip)

    @property
    def widgets(self) -> tuple[HeaderButton, ...]:
        return self.preset, self.view, self.planes, self.clip

    def _menu(self, text: str, tip: str, fill: Callable[[QMenu], None]) -> HeaderButton:
        made = HeaderButton(tip)
        made.setText(text)
        menu = QMenu(made)
        menu.aboutToShow.connect(lambda: (menu.clear(), fill(menu)))
        made.setMenu(menu)
        return made

    def _fill_presets(self, menu: QMenu) -> None:
        now = self.pane.scene.preset
        for key, preset in presets().items():
            action = self.preset.add_choice(menu, preset.title, now == key)
            action.triggered.connect(lambda _=False, chosen=key: self.link.use_preset(chosen))
        action = self.preset.add_choice(menu, "Surfaces only", now is None)
        action.triggered.connect(lambda _=False: self.link.use_preset(HIDDEN))

    def _fill_views(self, menu: QMenu) -> None:
        for view in STANDARD_VIEWS:
            action = self.view.add_choice(menu, view.capitalize(), False)
            action.triggered.connect(lambda _=False, chosen=view: self.pane.look_from(chosen))

    def _fill_planes(self, menu: QMenu) -> None:
        for kind in PLANE_KINDS:
            action = self.planes.add_choice(menu, kind.capitalize(), kind in self.link.planes_shown)
            action.triggered.connect(lambda on, chosen=kind: self.link.show_plane(chosen, on))

    def _fill_clip(self, menu: QMenu) -> None:
        for kind in (None, *PLANE_KINDS):
            text = "No clipping" if kind is None else f"In front of the {kind} plane"
            action = self.clip.add_choice(menu, text, self.link.clip_by == kind)
            action.triggered.connect(lambda _=False, chosen=kind: self.link.clip(chosen))


class VolumeFrame(PaneFrame):
    """A 3D pane in its frame; the frame keeps link and menus alive."""

    def __init__(self, spec: PaneSpec, desk: Desk) -> None:
        pane = VolumePane()
        self.link = VolumeLink(spec, pane, desk)
        self.header = VolumeHeader(pane, self.link)
        super().__init__(spec, pane, desk.state, self.header.widgets)
        pane.enlarged.connect(self._toggle)

    def release(self) -> None:
        self.link.release()
        super().release()


def volume_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of 3D panes."""
    return VolumeFrame(spec, desk)
