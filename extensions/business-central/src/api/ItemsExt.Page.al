page 50125 "BH API Items Ext"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'itemExt';
    EntitySetName = 'itemsExt';
    SourceTable = Item;
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(number; Rec."No.") { }
                field(blocked; Rec.Blocked) { }
                field(salesBlocked; Rec."Sales Blocked") { }
                field(variantMandatory; Rec."Variant Mandatory if Exists") { }
                field(itemTrackingCode; Rec."Item Tracking Code") { }
                field(vatProdPostingGroup; Rec."VAT Prod. Posting Group") { }
                field(genProdPostingGroup; Rec."Gen. Prod. Posting Group") { }
                field(unitCost; Rec."Unit Cost") { }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { }
            }
        }
    }
}
