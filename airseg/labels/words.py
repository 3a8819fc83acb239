"""What English words and Unreal's usual abbreviations say about a mesh's class.

Two kinds of words are told apart. A *head* names the thing itself (``roof``, ``fence``); where a
name has several, the last one decides, as in English compounds: a garden chair is a chair, a car
porch a porch. A *hint* only says what surroundings a thing belongs to (``garden``, ``kitchen``) and
counts when no head is found.
"""

from __future__ import annotations

_NOISE = """
sm sk bp st s m mi t fx fbx lod lods mesh static actor blueprint prefab c a b inst instance main
base01 var variant ver new old copy small medium large big long short half quart 8th 16th middle
end corner apex thin open flat basic extra plus close gap single double left right top bottom upper
lower inner outer part piece set high modular generic
"""
NOISE = frozenset(_NOISE.split())
"""Kinds, sizes and sides, which say nothing about the class."""

HEADS: dict[str, str] = {
    "road": "road street asphalt highway lane driveway pavement sidewalk footpath curb kerb "
    "parking crosswalk crossing marking path tarmac alley junction intersection pothole roundabout "
    "cobblestone manhole quay pier dock jetty runway railtrack track tracks pavers",
    "vehicle": "car cars van truck bus suv sedan taxi cab jeep pickup lorry trailer semitrailer "
    "boat ship motorbike motorcycle bike bicycle scooter tractor forklift excavator bulldozer "
    "vehicle caravan ambulance train tram wagon submarine railcar minivan hatchback ferry barge "
    "plane wheelbarrow",
    "vegetation": "hedge hedges bush bushes shrub grass lawn flower flowers flowerbed plant plants "
    "fern ivy weed weeds reed leaves leaf foliage clover crop vine vines landscape terrain ground "
    "hill meadow field soil dirt sand beach turf moss cactus planter instancedfoliageactor "
    "earth mud",
    "tree": "tree trees conifer pine fir oak birch beech spruce palm maple willow poplar redwood "
    "cypress stump trunk log logs larch elm ash cedar sapling orchard lime chestnut",
    "traffic_fixture": "sign signs signage signpost streetsign streetlight streetlamp lamppost "
    "lightpole lightpost trafficlight bollard hydrant pylon powerline powerlines cable cables wire "
    "wires pole poles telegraph mailbox trafficcone cone lamp lantern connector insulator "
    "floodlight transformer semaphore busstop parkingmeter utilitypole spotlight",
    "sky": "sky skysphere skydome skybox cloud clouds moon sun stars",
    "fence": "fence fences fencing railing railings guardrail gate gates barrier barricade "
    "handrail balustrade palisade trellis barbedwire rail picket hoarding barriers",
    "stone": "rock rocks stone stones boulder cliff gravel monument statue obelisk steps rubble "
    "brick bricks breakwater scarp pebble headstone fountain debris sculpture",
    "house": "house houses building buildings bld wall walls door doors window windows floor "
    "floors flor ceiling shop store shed hut cabin barn warehouse garage porch veranda balcony "
    "awning facade shutter shutters curtain curtains cladding cornice storefront church tower "
    "hangar hall banister staircase stairs stair stairway drainpipe pipe pipes gutter vent chair "
    "chairs table tables sofa couch bed bench desk shelf shelves cupboard cabinet fridge oven sink "
    "toilet bath bathtub tv lcd tft monitor keyboard mouse laptop computer tablet headphones book "
    "books bookcase bookshelf picture frame painting mug cup bottle can plate bowl box crate "
    "barrel bin trash trashcan dumpster carpet rug pillow lampshade fireplace stove kitchen unit "
    "worktop plug socket switch outlet fan extractor skateboard gamepad toy toys dufflebag bag "
    "paint hoop support beam beams column columns pillar pillars frame frames "
    "panel ladder scaffolding crane silo container tank arch ornament tressel wardrobe "
    "drawer clock mirror radiator heater airconditioner stool locker elevator escalator "
    "counter machine furniture drain tile tiles "
    "cube poster canopy platform",
    "pool": "pool swimmingpool swimming poolwater",
    "roof": "roof roofs roofing chimney chimneys gable dormer shingle shingles skylight rooftop "
    "eaves smokestack",
    "ignore": "animal animals deer raccoon dog cat bird horse cow sheep pedestrian person people "
    "human character player brplayer zebra elephant camera light pointlight spotlightactor "
    "skylight skylightactor lightsource decal volume fog controller gamemode hud manager "
    "worldsettings navdata navmesh playerstart capture postprocessvolume simpleflight weather "
    "ambience cue debug gizmo simhud replicator session state director simmode water ocean foam "
    "smoke fire rat crow fish bunny",
}

HINTS: dict[str, str] = {
    "house": "kitchen bathroom bedroom office dining garage window door wall floor room interior "
    "indoor furniture desk drinks",
    "vegetation": "garden flower grass lawn",
    "traffic_fixture": "power traffic street utility electric",
    "pool": "swim swimming",
    "roof": "roof",
    "stone": "rock stone",
    "road": "road street",
}

PAIRS: dict[str, str] = {
    "light switch": "house",
    "pool table": "house",
    "garden steps": "stone",
    "outdoor steps": "stone",
    "wall low": "stone",
    "low wall": "stone",
    "retaining wall": "stone",
    "garden wall": "stone",
    "flower pot": "vegetation",
    "plant pot": "vegetation",
    "power line": "traffic_fixture",
    "street light": "traffic_fixture",
    "street lamp": "traffic_fixture",
    "street sign": "traffic_fixture",
    "stop sign": "traffic_fixture",
    "traffic light": "traffic_fixture",
    "traffic sign": "traffic_fixture",
    "fire hydrant": "traffic_fixture",
    "swimming pool": "pool",
    "sky light": "ignore",
    "light source": "ignore",
    "point light": "ignore",
    "player start": "ignore",
    "sky sphere": "sky",
    "sky dome": "sky",
    "ground floor": "house",
    "bus stop": "traffic_fixture",
    "parking meter": "traffic_fixture",
    "roof tile": "roof",
    "roof support": "roof",
    "car park": "road",
    "garage door": "house",
    "christmas tree": "tree",
    "house number": "house",
    "fence post": "fence",
    "fence pole": "fence",
    "tree trunk": "tree",
    "stone wall": "stone",
    "stone floor": "stone",
    "forest floor": "vegetation",
    "jungle floor": "vegetation",
    "woodland floor": "vegetation",
}
"""Two words in a row that mean something of their own; their order is that of the name."""


def _index(lists: dict[str, str]) -> dict[str, str]:
    """Return the class of each word; the first class that lists a word keeps it."""
    classes: dict[str, str] = {}
    for class_name, words in lists.items():
        for word in words.split():
            classes.setdefault(word, class_name)
    return classes


HEAD_CLASS = _index(HEADS)
HINT_CLASS = _index(HINTS)
